// Package snapshots keeps what machines are made of: images, built from
// packages or taken from a file and stored once under their content's hash,
// and the folders of instances, whose disks are copy-on-write overlays of
// them. It also knows what the host must offer for that (see Examine).
//
// It starts no machine of a lab: package virt does, from the agent.Spec that
// is prepared here. The one machine it does start is an image's own, to
// install its boot loader.
package snapshots
