package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"shake/cudnn/cuda"
	"shake/internal/launch"
	"shake/internal/train"
)

// again is --device for the device on which a run began: the same cards, if all are here, else as
// many, else one.
func (a *app) again(rec *train.Record) string {
	if place, err := launch.Find(); rec.Device != "gpu" || rec.Workers < 2 || place != nil || err != nil {
		return rec.Device
	}
	var same, first []string
	for i := range rec.Workers {
		first = append(first, strconv.Itoa(i))
	}
	for _, u := range rec.Cards {
		same = append(same, u.UUID)
	}
	for _, list := range [][]string{same, first} {
		device := "gpu:" + strings.Join(list, ",")
		if len(list) != rec.Workers {
			continue
		}
		if _, _, err := a.cards(device); err == nil {
			return device
		}
	}
	return rec.Device
}

// cards splits a value of --device: "gpu:0,1" is gpu and its cards 0 and 1, as CUDA numbers them. A
// card may be named by the beginning of its UUID, an instance of MIG by all of it. Without a list
// there are no cards.
func (a *app) cards(device string) (name string, cards []int, err error) {
	name, list, listed := strings.Cut(device, ":")
	if !listed {
		return device, nil, nil
	}
	wrong := func(format string, args ...any) (string, []int, error) {
		return "", nil, exit(exitUsage, fmt.Errorf("--device "+device+": "+format, args...))
	}
	if name != "gpu" {
		return wrong("only gpu has numbers behind it: want gpu:0 or gpu:0,1 and so on")
	}
	const visible = "CUDA_VISIBLE_DEVICES"
	if instance := strings.TrimSpace(list); strings.Contains(list, "MIG-") {
		if strings.Contains(list, ",") {
			return wrong("an instance of MIG trains alone: NCCL takes a card once, and a process sees one instance")
		}
		if os.Getenv(visible) == "" { // CUDA shows no other instance than the one that is named to it
			os.Setenv(visible, instance)
			if _, err := cuda.Devices(); errors.Is(err, cuda.ErrNoDevice) {
				return wrong("no card has an instance of MIG with this UUID, which has to be whole: shake devices lists them")
			}
		}
	}
	ds, err := cuda.Devices()
	if err != nil {
		return wrong("%w", err)
	}
	for item := range strings.SplitSeq(list, ",") {
		i, err := find(ds, strings.TrimSpace(item))
		if err != nil {
			return wrong("%w", err)
		}
		if slices.Contains(cards, i) {
			return wrong("card %d is named twice", i)
		}
		cards = append(cards, i)
	}
	return name, cards, nil
}

// find is the number of the card that item names.
func find(ds []cuda.Device, item string) (int, error) {
	var have []string
	for i, d := range ds {
		have = append(have, fmt.Sprintf("%d (%s, %s)", i, d.Name(), d.UUID()))
	}
	seen := "CUDA shows " + strings.Join(have, ", ")
	if i, err := strconv.Atoi(item); err == nil {
		if i < 0 || i >= len(ds) {
			return 0, fmt.Errorf("there is no card %s: %s; CUDA_VISIBLE_DEVICES hides cards and orders them", item, seen)
		}
		return i, nil
	}
	if item == "" {
		return 0, errors.New("a card's number is missing: want gpu:0 or gpu:0,1")
	}
	found := -1
	for i, d := range ds {
		if !strings.HasPrefix(strings.ToLower(d.UUID()), strings.ToLower(item)) {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%s is the beginning of several cards' UUIDs: %s", item, seen)
		}
		found = i
	}
	if found < 0 && strings.HasPrefix(item, "MIG-") {
		return 0, fmt.Errorf("CUDA_VISIBLE_DEVICES hides it, and CUDA shows one instance to a process: %s; unset CUDA_VISIBLE_DEVICES", seen)
	}
	if found < 0 {
		return 0, fmt.Errorf("%s is no card's number and no card's UUID: %s", item, seen)
	}
	return found, nil
}
