package train

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"shake/internal/engine"
)

const (
	momentumPrefix = "momentum/"
	replica0Prefix = "replica0/"
)

// publicWeights are the tensors of a state that make a model: parameters, and the running
// statistics of replica 0 without their prefix, F32.
func publicWeights(state []engine.Tensor) []engine.Tensor {
	var ts []engine.Tensor
	for _, t := range state {
		name, running := strings.CutPrefix(t.Name, replica0Prefix)
		if !running && strings.Contains(t.Name, "/") {
			continue
		}
		w := engine.Tensor{Name: name, Shape: t.Shape, F32: t.F32}
		if t.F64 != nil {
			w.F32 = make([]float32, len(t.F64))
			for i, x := range t.F64 {
				w.F32[i] = float32(x)
			}
		}
		ts = append(ts, w)
	}
	return ts
}

// writeWeights writes the model part of state to file.
func writeWeights(s store, file string, state []engine.Tensor, meta map[string]string) error {
	return s.write(file, func(w io.Writer) error { return encodeWeights(w, state, meta) })
}

// encodeWeights writes the model part of state to w.
func encodeWeights(w io.Writer, state []engine.Tensor, meta map[string]string) error {
	meta["format"] = "pt" // transformers and other programs expect this of a PyTorch state dict
	return encodeTensors(w, publicWeights(state), meta)
}

// fit matches the tensors of a file with the state of a program and returns the argument of
// SetState. NAME.running_mean and _var without a replica are meant for every replica;
// num_batches_tracked is PyTorch's own and ignored. All parameters must be present; running
// statistics and momentum are optional. left counts the absent running statistics. With whole set,
// every tensor of the state must be present, except an engine's own.
func fit(file string, have, state []engine.Tensor, whole bool) (set []engine.Tensor, left int, err error) {
	w := &WeightsError{File: file}
	byName := make(map[string]engine.Tensor, len(have))
	for _, t := range have {
		byName[t.Name] = t
	}
	used := map[string]bool{}
	for _, s := range state {
		prefix, base, replica := strings.Cut(s.Name, "/")
		replica = replica && strings.HasPrefix(prefix, "replica")
		name := s.Name
		t, ok := byName[name]
		if !ok && replica && !whole {
			name = base
			t, ok = byName[name]
		}
		switch {
		case !ok && !whole && replica:
			left++
		case !ok && (!whole && (strings.HasPrefix(name, momentumPrefix) || strings.HasPrefix(name, averagePrefix)) || strings.HasPrefix(name, engine.Own)):
		case !ok:
			w.Missing = append(w.Missing, name)
		case !slices.Equal(t.Shape, s.Shape):
			w.Shapes = append(w.Shapes, fmt.Sprintf("%s: %v, want %v", quoted(name), t.Shape, s.Shape))
		default:
			t.Name = s.Name
			set = append(set, t)
		}
		used[name] = true
	}
	for _, t := range have {
		// Statistics of replicas that the state does not have, and averages, are no mistake in
		// weights to start from.
		other := !whole && (strings.HasPrefix(t.Name, "replica") || strings.HasPrefix(t.Name, averagePrefix)) || strings.HasPrefix(t.Name, engine.Own)
		if !used[t.Name] && !other && !strings.HasSuffix(t.Name, ".num_batches_tracked") {
			w.Unknown = append(w.Unknown, quoted(t.Name))
		}
	}
	slices.Sort(w.Unknown)
	w.Prefix = wrapper(byName, state)
	if len(w.Unknown)+len(w.Missing)+len(w.Shapes) > 0 {
		return nil, 0, w
	}
	return set, left, nil
}

// wrapper returns the prefix in a file of the names of most parameters of a state; "" if they have
// none.
func wrapper(have map[string]engine.Tensor, state []engine.Tensor) string {
	parameters, bare, counts := 0, 0, map[string]int{}
	for _, s := range state {
		if strings.Contains(s.Name, "/") {
			continue
		}
		parameters++
		if _, ok := have[s.Name]; ok {
			bare++
		}
		for name := range have {
			if prefix, ok := strings.CutSuffix(name, "."+s.Name); ok && len(prefix) < 64 {
				counts[prefix+"."]++
			}
		}
		if parameters == 8 { // so many parameters are enough
			break
		}
	}
	for prefix, n := range counts {
		if bare == 0 && 2*n > parameters {
			return prefix
		}
	}
	return ""
}
