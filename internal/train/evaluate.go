package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/files"
	"shake/internal/graph"
)

// Evaluation is the result of Predict. TestError is in per cent.
type Evaluation struct {
	TestError float64
	TestLoss  float64 // not finite if a logit is not
	Errors    int
	Images    int
}

// Predict compiles spec's network on backend b, loads the safetensors file weights into it, and
// runs every image of test with running statistics and even coefficients. It calls each, unless
// that is nil, with the network's answer to every image, in order; an error of each ends it. Other
// errors are those of Run, *WeightsError above all, and ctx's when it ends.
func Predict(ctx context.Context, spec *dsl.Spec, b engine.Backend, weights string, test *engine.Images, each func(Prediction) error) (*Evaluation, error) {
	g, err := graph.Build(spec)
	if err != nil {
		return nil, err
	}
	p, err := tested(ctx, spec, g, b, weights, test)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	s, err := evaluate(ctx, p, 0, test.N, spec.Train.Batch, func() error { return nil })
	if err == nil && each != nil {
		err = predict(ctx, p, test, spec.Train.Batch, each)
	}
	if err != nil {
		return nil, err
	}
	return &Evaluation{TestError: s.percent(), TestLoss: s.meanLoss(), Errors: s.Errors, Images: s.Images}, nil
}

// tested makes a program of a graph of spec's network, with test images and the weights of a file,
// which has running statistics too. It leaves off when ctx ends. The caller closes it.
func tested(ctx context.Context, spec *dsl.Spec, g *graph.Graph, b engine.Backend, weights string, test *engine.Images) (engine.Program, error) {
	if test == nil || test.N == 0 {
		return nil, errors.New("train: no test images")
	}
	p, err := compileGraph(spec, g, b, nil, test)
	if err != nil {
		return nil, err
	}
	abandon(ctx, p)
	left, err := loadWeights(p, weights)
	if err == nil && left > 0 {
		err = &WeightsError{File: weights, Missing: []string{"the running statistics of its batch norms, without which it cannot be tested"}}
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// loadWeights sets the tensors of a safetensors file: parameters and, if present, running
// statistics and momentum. It returns the number of absent running statistics.
func loadWeights(p engine.Program, file string) (left int, err error) {
	state, err := p.State()
	if err != nil {
		return 0, fmt.Errorf("reading the program's state: %w", err)
	}
	ts, _, err := readTensors(file, weightsLimit(state))
	if err != nil {
		return 0, fmt.Errorf("reading weights: %w", err)
	}
	set, left, err := fit(file, ts, state, false)
	if err != nil {
		return 0, err
	}
	if err := p.SetState(set); err != nil {
		return 0, fmt.Errorf("setting weights from %s: %w", file, err)
	}
	return left, nil
}

// Export writes the weights of a fresh network, drawn with seed, as safetensors: spec's parameters
// and BN running statistics (mean 0, variance 1) by their PyTorch names, F32. It needs no backend.
func Export(spec *dsl.Spec, seed uint64, w io.Writer) error {
	g, err := graph.Build(spec)
	if err != nil {
		return err
	}
	state := engine.InitTensors(g, seed)
	for _, op := range g.Ops {
		norm, ok := op.(*graph.Norm)
		if !ok {
			continue
		}
		for _, part := range norm.Parts {
			mean, variance := make([]float32, part.C), make([]float32, part.C)
			for i := range variance {
				variance[i] = 1
			}
			name := replica0Prefix + part.Name
			state = append(state, engine.Tensor{Name: name + ".running_mean", Shape: []int{part.C}, F32: mean},
				engine.Tensor{Name: name + ".running_var", Shape: []int{part.C}, F32: variance})
		}
	}
	return encodeWeights(w, state, map[string]string{"shake.name": spec.Name, "shake.step": "0", "shake.epochs": "0"})
}

// ExportRun copies the weights of the run of spec in dir, WeightsFile or AverageFile, to w, after
// checking that they are whole. The run may be in progress.
func ExportRun(spec *dsl.Spec, dir, file string, w io.Writer) error {
	g, err := graph.Build(spec)
	if err != nil {
		return err
	}
	from := filepath.Join(dir, file)
	f, size, err := files.Open(from) // another file may replace this one during the read
	if err != nil {
		return fmt.Errorf("reading the run's weights: %w", err)
	}
	defer f.Close()
	if most := checkpointLimit(g, spec.Train.Replicas); size > most {
		return &Corrupt{File: from, Detail: fmt.Sprintf("%d bytes, more than weights of this network can have (%d)", size, most), Remedy: "resume the run for another step to write it again"}
	}
	t, err := openTensors(f, size)
	if err == nil {
		err = t.verify()
	}
	if err != nil {
		return &Corrupt{File: from, Detail: err.Error(), Remedy: "resume the run for another step to write it again"}
	}
	_, err = io.Copy(w, io.NewSectionReader(f, 0, size))
	return err
}
