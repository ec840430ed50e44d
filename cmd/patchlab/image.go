package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) imageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "image",
		Short:   "Build, list and remove the base disks that labs share",
		Example: "  patchlab image list",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.imageBuildCommand(), a.imageListCommand(), a.imageRemoveCommand())
	return cmd
}

func (a *app) imageBuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build DIR [IMAGE…]",
		Short: "Build the images of a lab that are not there yet",
		Long: `Builds the images of the lab defined in DIR, or takes them from their files.
One that is there already, with the same recipe, is used as it is. Runs do this
by themselves; building ahead saves the first run's time.`,
		Example: `  patchlab image build examples/dental
  patchlab image build examples/dental server`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.imageBuild(cmd.Context(), args[0], args[1:])
		},
	}
	a.addVars(cmd)
	return cmd
}

func (a *app) imageBuild(ctx context.Context, dir string, names []string) error {
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	if err := knownImages(l, names); err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	if _, err := engine.Sweep(ctx); err != nil { // what a killed build has left
		return err
	}
	for _, i := range l.Images {
		if len(names) > 0 && !slices.Contains(names, i.Name) {
			continue
		}
		var image snapshots.Image
		err := a.phase("image "+i.Name, func(p lab.Progress) (err error) {
			image, err = engine.Store.EnsureImage(ctx, i, p)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s  %s\n", image.SHA256, i.Name)
	}
	return nil
}

func knownImages(l *lab.Lab, names []string) error {
	var known []string
	for _, i := range l.Images {
		known = append(known, i.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return usagef("its images are: "+strings.Join(known, " "), "lab %q has no image %q", l.Name, name)
		}
	}
	return nil
}

func (a *app) imageListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the images on this host and who uses them",
		Example: "  patchlab image list --format json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.imageList(cmd.Context()) },
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) imageList(ctx context.Context) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	images, err := store.Images(ctx)
	if err != nil {
		return err
	}
	if a.format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(append([]snapshots.Image{}, images...))
	}
	if len(images) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no image on this host")
		return err
	}
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "IMAGE\tNAME\tSIZE\tCREATED\tUSED BY")
	for _, i := range images {
		used := strings.Join(i.Users, " ")
		if used == "" {
			used = "-"
		}
		fmt.Fprintf(tw, "%.12s\t%s\t%s\t%s\t%s\n", i.SHA256, i.Name,
			humanize.IBytes(uint64(max(i.Size, 0))), i.Created.Local().Format("2006-01-02 15:04"), used)
	}
	return tw.Flush()
}

func (a *app) imageRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove IMAGE…",
		Short: "Remove images that no instance uses",
		Long: `Removes images from this host. IMAGE is the beginning of its SHA-256, at least
six digits, or its name where that is unique. The next run that needs it builds
it again.`,
		Example: "  patchlab image remove 3fa85f6457b1",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			for _, ref := range args {
				image, err := store.RemoveImage(cmd.Context(), ref)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "removed %s (%s)\n", image.SHA256, image.Name)
			}
			return nil
		},
	}
}
