// Package snapshots keeps what machines are made of: images, built from
// packages or taken from a file and stored once under their content's hash;
// ready states, which are a lab's machines saved at one instant with disks,
// memory and devices; and the folders of instances, which are forks of them.
//
// A ready state is a folder of files that nobody changes. A fork has overlays
// of its disks and maps its memory files privately, so that it costs the same
// for small machines and large ones; an instance that is up has copies of the
// memory files, since only memory that is written to a file can be saved again
// by leaving it where it is. Points are such snapshots of an instance that is
// up. Going back is forking again, and is proven by a receipt.
//
// Every step is written to a journal before it is taken: see journal. What a
// killed process has left is removed by the next one that makes something, or
// by GC, and nothing is removed that no journal names.
//
// It also knows what the host must offer (see Examine) and how much of it is
// taken. It starts no machine itself: package virt does, in the agent of the
// instance, from the agent.Spec that is prepared here. The one machine it does
// start is an image's own, to install its boot loader.
package snapshots
