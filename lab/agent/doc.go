// Package agent is the process of one instance of a lab: it holds the
// hypervisor (libvirt's embedded driver, given to it as a Hypervisor) and the
// lab's network, serves a control API on a unix socket, and ends its machines
// when it ends. The client of that API is here too.
//
// It does not make disks or folders (package snapshots) and does not speak SSH
// (package guest). What a ready state's files need it has for package
// snapshots: CopyFile and DigHoles, which keep files sparse, and the reading of
// what processes occupy.
//
// # Control API
//
// HTTP/1.1 with JSON on the socket agent.sock in the instance's run folder,
// for processes of the same user and root. Requests have no body unless one is
// named. Fields and calls are only ever added below /v1.
//
//	GET  /v1/status[?memory=1]             Status
//	POST /v1/start                         {}; all machines: see Client.StartAll
//	POST /v1/suspend                       {}; all machines
//	POST /v1/resume                        {}; all machines
//	POST /v1/freeze                        {"machines": []Freezing, "resume": bool}; {}
//	POST /v1/replace                       {"machines": []MachineSpec}; {}
//	POST /v1/machines/{name}/start         {}
//	POST /v1/machines/{name}/destroy       {}; also when it does not run
//	POST /v1/machines/{name}/suspend       {}
//	POST /v1/machines/{name}/resume        {}
//	GET  /v1/machines/{name}/screenshot    image/png
//	GET  /v1/machines/{name}/console       stream: the serial port
//	GET  /v1/egress                        []lab.EgressAttempt
//	GET  /v1/dial?network=N&addr=HOST:PORT stream: TCP from N's gateway
//	GET  /v1/dial?machine=M&port=22        stream: TCP to M's first address
//	GET  /v1/dial-udp?network=N&addr=H:P   stream: UDP from N's gateway
//	GET  /v1/ping?network=N&host=H&count=C {"answered": n, "fastest": nanoseconds}
//	POST /v1/shutdown                      {}; then the agent ends
//
// The calls for all machines run one at a time; another, or one that starts,
// suspends or resumes a machine meanwhile, is refused with the code "busy".
// They do not end with the connection of who asked, nor do those that change
// one machine.
//
// A stream is asked for with "Connection: Upgrade" and "Upgrade:
// patchlab-stream"; after "101 Switching Protocols" the connection carries the
// bytes of both directions, each of which ends by itself (half-close). Over
// dial-udp each datagram stands behind its length, 2 bytes, big-endian; 0xffff
// from the agent says that nobody listens there.
//
// An answer of 400 and above is an APIError: {"error": "…", "code": "…"}.
package agent
