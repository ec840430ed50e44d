package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/guest"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) sshCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ssh LAB MACHINE [-- COMMAND…]",
		Short: "Log into a machine of a lab that is up, or run a command there",
		Long: `Runs the ssh program with the lab's key and the machine's pinned host key. A
COMMAND of one word is given to the machine's shell as it is; the words of a
longer one reach the command as they are. The exit code is that of the command;
255 when the connection fails.`,
		Example: `  patchlab ssh dental web
  patchlab ssh dental web -- systemctl status apache2
  patchlab ssh dental web -- 'cd /var/log && du -sh *'`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ssh(cmd.Context(), args[0], args[1], args[2:])
		},
	}
	return cmd
}

func (a *app) ssh(ctx context.Context, ref, machine string, command []string) error {
	r, err := a.running(ctx, ref)
	if err != nil {
		return err
	}
	if err := r.HasMachine(machine); err != nil {
		return err
	}
	config, err := a.writeSSHConfig(r)
	if err != nil {
		return err
	}
	argv := []string{"-F", config, machine}
	switch {
	case len(command) == 1:
		argv = append(argv, "--", command[0])
	case len(command) > 1:
		argv = append(argv, "--", guest.Quote(command...))
	}
	c := exec.CommandContext(ctx, "ssh", argv...) //nolint:gosec // the machine's name was looked up, the command is quoted
	c.Stdin, c.Stdout, c.Stderr = a.stdin, a.stdout, a.stderr
	err = c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		return codeError(exit.ExitCode())
	}
	if errors.Is(err, exec.ErrNotFound) {
		return &lab.HostError{Op: "run ssh", Err: err, Hint: "apt-get install openssh-client"}
	}
	return err
}

// writeSSHConfig writes the instance's ssh configuration into its folder.
func (a *app) writeSSHConfig(r *snapshots.Running) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", &lab.HostError{Op: "find the patchlab program", Err: err}
	}
	return r.WriteSSHConfig(self)
}

func (a *app) sshConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ssh-config LAB",
		Short: "Print an ssh configuration that reaches the machines by name",
		Long: `Prints a configuration with which plain ssh, scp, rsync and Ansible reach the
machines of a lab that is up, by their names, through the lab's own network.`,
		Example: `  patchlab ssh-config dental > dental.ssh
  scp -F dental.ssh web:/var/log/apache2/error.log .
  rsync -e 'ssh -F dental.ssh' site/ web:/var/www/html/
  ansible -i web,db, all -m ping --ssh-common-args '-F dental.ssh'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeLabs,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.running(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return &lab.HostError{Op: "find the patchlab program", Err: err}
			}
			_, err = fmt.Fprint(a.stdout, r.SSHConfig(self))
			return err
		},
	}
}

func (a *app) dialCommand() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "dial LAB MACHINE PORT",
		Short: "Connect standard input and output to a port of a machine",
		Long: `Opens a TCP connection to a machine from its gateway, inside the lab's network,
and copies between it and standard input and output. It is what ssh-config
gives to ssh as its ProxyCommand.`,
		Example: `  printf 'GET / HTTP/1.0\r\n\r\n' | patchlab dial dental web 80`,
		Args:    cobra.ExactArgs(3), ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.proxy.Store(socket != "")
			port, err := strconv.ParseUint(args[2], 10, 16)
			if err != nil || port == 0 {
				return usagef("want a number from 1 to 65535", "%q is no port", args[2])
			}
			if socket == "" {
				r, err := a.running(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := r.HasMachine(args[1]); err != nil {
					return err
				}
				socket = r.Spec.SocketPath()
			}
			conn, err := agent.NewClient(socket).DialMachine(cmd.Context(), args[1], int(port))
			if err != nil {
				return err
			}
			return a.pipe(cmd.Context(), conn)
		},
	}
	cmd.Flags().StringVar(&socket, "socket", "", "the agent's socket, instead of looking LAB up")
	return cmd
}
