package main

import (
	"errors"
	"fmt"

	"shake/csrc/load"
	"shake/internal/gpustat"
)

// openCards opens NVML and lists the cards. It wants at least one: an error says what is missing and what to do about it.
func openCards() (*gpustat.Driver, []*gpustat.Card, error) {
	path, err := load.Find(load.NVML)
	if err != nil {
		return nil, nil, err
	}
	d, err := gpustat.Open(path)
	if err != nil {
		return nil, nil, err
	}
	cards, err := d.Cards()
	if err == nil && len(cards) == 0 {
		err = errors.New("the driver knows no card: none is plugged in, or the container was started without (--gpus all)")
	}
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	return d, cards, nil
}

// libraryInfo is one of NVIDIA's libraries in "shake devices".
type libraryInfo struct {
	Name    string   `json:"name"` // "libcudnn"
	What    string   `json:"what"`
	Version string   `json:"version,omitempty"`
	Path    string   `json:"path,omitempty"`
	Others  []string `json:"others,omitempty"` // other files of it that are found, and not used
	Problem string   `json:"problem,omitempty"`
	Remedy  string   `json:"remedy,omitempty"` // of the problem
}

// libraries looks for every library that a GPU needs.
func libraries() []libraryInfo {
	var out []libraryInfo
	for _, l := range []*load.Library{load.CUDA, load.NVRTC, load.CUDNN, load.NCCL, load.NVML} {
		info := libraryInfo{Name: l.Name, What: l.What}
		var err error
		if info.Path, info.Version, err = load.Look(l); err != nil {
			info.Problem, info.Remedy = problem(err, l)
		} else {
			for _, other := range load.Candidates(l) {
				if !sameFile(other, info.Path) {
					info.Others = append(info.Others, other)
				}
			}
		}
		out = append(out, info)
	}
	return out
}

// problem splits an error of load into what is wrong and what to do.
func problem(err error, l *load.Library) (what, remedy string) {
	var missing *load.NotFoundError
	var broken *load.OpenError
	switch {
	case errors.As(err, &missing):
		return "not found", missing.Remedy
	case errors.As(err, &broken):
		return fmt.Sprintf("%s cannot be opened: %s", broken.Path, broken.Reason), broken.Remedy
	}
	return err.Error(), l.Remedy
}
