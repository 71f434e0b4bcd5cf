package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/bench"
	"github.com/greenroomlive/greenroom/internal/door/cli"
	"github.com/greenroomlive/greenroom/internal/fleet"
)

func commandLine(p *page) error {
	model, err := cli.Model(app.Commands(), bench.Command(), fleet.Command())
	if err != nil {
		return err
	}
	p.title("Command line", "What `--help` says of each command. The flags that all commands share are in [configuration.md](configuration.md).")
	help, err := helpOf()
	if err != nil {
		return err
	}
	p.block("text", help)
	for _, leaf := range model.Leaves(true) {
		p.section("greenroom " + leaf.Path())
		if help, err = helpOf(strings.Fields(leaf.Path())...); err != nil {
			return err
		}
		p.block("text", help)
	}
	return nil
}

// helpOf is what --help prints.
func helpOf(command ...string) (string, error) {
	var out bytes.Buffer
	if status := cli.Main(append(command, "--help"), &out, &out, app.Commands(), bench.Command(), fleet.Command()); status != 0 {
		return "", fmt.Errorf("%s --help ended with %d: %s", strings.Join(command, " "), status, out.String())
	}
	return out.String(), nil
}

func configuration(p *page) error {
	model, err := cli.Model(app.Commands(), bench.Command(), fleet.Command())
	if err != nil {
		return err
	}
	p.title("Configuration", "Each setting is a flag, an environment variable, and a key of the YAML file that `--config` names. "+
		"A flag goes before the environment, the environment before the file, the file before the default.")
	p.section("All commands")
	p.table(settingsHeader, settings(model.Flags, ""))
	for _, name := range []string{"dev", "serve", "migrate"} {
		command := find(model, name)
		if command == nil {
			return fmt.Errorf("there is no command %s", name)
		}
		p.section("greenroom " + name)
		p.text(command.Help)
		p.table(settingsHeader, settings(command.Flags, name))
	}
	p.section("Example")
	p.block("yaml", "# greenroom --config greenroom.yaml dev\ndata: /var/lib/greenroom\ndev:\n  query-addr: 0.0.0.0:8000\n  lease: 10s\n  grace: 30s")
	return nil
}

var settingsHeader = []string{"Flag", "Environment", "Key", "Default", "Meaning"}

func settings(flags []*kong.Flag, command string) [][]string {
	var rows [][]string
	for _, f := range flags {
		if f.Name == "help" || f.Hidden {
			continue
		}
		key := code(strings.TrimPrefix(command+"."+f.Name, "."))
		if f.Name == "config" {
			key = "" // a file cannot name itself
		}
		envs := make([]string, len(f.Envs))
		for i, e := range f.Envs {
			envs[i] = code(e)
		}
		rows = append(rows, []string{code("--" + f.Name), strings.Join(envs, ", "), key, code(f.Default), f.Help})
	}
	return rows
}

func find(model *kong.Application, name string) *kong.Node {
	for _, n := range model.Children {
		if n.Name == name {
			return n
		}
	}
	return nil
}
