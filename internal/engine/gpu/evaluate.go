package gpu

import (
	"errors"
	"fmt"
	"math"

	kernels "shake/csrc/cuda"
	"shake/cudnn"
	"shake/cudnn/cuda"
	"shake/cudnn/nccl"
	"shake/internal/engine"
)

// evalImages is about the most images of one call of Eval, some tenths of a second for large
// networks. Every call waits for the card twice and sets every norm.
const evalImages = 16384

// Metrics implements engine.Program.
func (p *program) Metrics(reset bool) (m engine.Metrics, err error) {
	err = p.do(func() error {
		m, err = p.totals(TrainTotals)
		if err == nil && reset {
			err = p.resetTotals(TrainTotals)
		}
		return err
	})
	return m, err
}

// totals waits for the stream, and returns the totals in w.
func (p *program) totals(w ArgKind) (engine.Metrics, error) {
	b := p.host.Bytes()[:kernels.TotalsSize]
	if err := p.dev.streams[mainStream].CopyToHost(b, p.dev.single[w]); err != nil {
		return engine.Metrics{}, err
	}
	if err := p.dev.streams[mainStream].Synchronize(); err != nil {
		return engine.Metrics{}, p.group.because(fmt.Errorf("gpu: waiting for the card: %w", err))
	}
	if p.group.lost() {
		return engine.Metrics{}, ErrLost
	}
	t := getTotals(b)
	return engine.Metrics{Images: int(t.Images), Loss: t.Loss, Errors: int(t.Errors), BadStep: t.BadStep}, nil
}

// resetTotals requires an idle stream: it uses the same pinned memory as the stream's copies.
func (p *program) resetTotals(w ArgKind) error {
	b := p.host.Bytes()[:kernels.TotalsSize]
	putTotals(b, kernels.Totals{BadStep: -1})
	if err := p.dev.streams[mainStream].CopyToDevice(p.dev.single[w], b); err != nil {
		return err
	}
	return p.dev.streams[mainStream].Synchronize()
}

// Eval implements engine.Program. Batches have a size of their own (evaluationBatch). The logits of
// an image depend on the size by rounding alone: not at all where cuDNN prepares the engines of
// training for the batch, and such an engine adds up each image by itself. The loss also depends on
// the size by the order in which batches are added up.
func (p *program) Eval(lo, hi int) (m engine.Metrics, err error) {
	err = p.do(func() error {
		if err := p.resetTotals(EvalTotals); err != nil {
			return err
		}
		if err := p.evaluate(lo, hi, func(int) error { return nil }); err != nil {
			return err
		}
		m, err = p.totals(EvalTotals)
		m.BadStep = -1
		return err
	})
	return m, err
}

// Logits implements engine.Program.
func (p *program) Logits(lo, hi int) (out []float32, err error) {
	err = p.do(func() error {
		classes := p.list.Plan.Graph.Classes
		return p.evaluate(lo, hi, func(n int) error {
			b := p.host.Bytes()[:4*n*classes]
			if err := p.dev.streams[mainStream].CopyToHost(b, p.dev.single[Logits]); err != nil {
				return err
			}
			if err := p.dev.streams[mainStream].Synchronize(); err != nil {
				return err
			}
			for i := range n * classes {
				out = append(out, math.Float32frombits(uint32(b[4*i])|uint32(b[4*i+1])<<8|uint32(b[4*i+2])<<16|uint32(b[4*i+3])<<24))
			}
			return nil
		})
	})
	return out, err
}

// Correlate implements engine.Correlator.
func (p *program) Correlate(lo, hi int) (out []engine.Moments, err error) {
	err = p.do(func() error {
		n := kernels.MomentsSize * p.list.Moments
		if n > 0 {
			if err := p.dev.streams[mainStream].Memset8(p.dev.single[Moments], 0, int64(n)); err != nil {
				return err
			}
		}
		if err := p.evaluate(lo, hi, func(int) error { return nil }); err != nil || n == 0 {
			return err
		}
		b := p.host.Bytes()[:n]
		if err := errors.Join(p.dev.streams[mainStream].CopyToHost(b, p.dev.single[Moments]), p.dev.streams[mainStream].Synchronize()); err != nil {
			return fmt.Errorf("gpu: waiting for the card: %w", err)
		}
		out = getMoments(b)
		return nil
	})
	return out, err
}

// bindEvaluation tries the batch of evaluations before a run begins. Where cuDNN has no engine for
// it, or works in more memory than a step leaves, the evaluations of all cards have the batch of a
// step.
func (p *program) bindEvaluation() error {
	if p.list.Eval.all() == p.all.Batch {
		return nil
	}
	r, err := p.bindItems(evaluation, p.list.Eval.all())
	fits := err == nil
	if fits {
		_, fits = p.spare(r)
		r.close()
	} else if !errors.Is(err, cudnn.ErrNotSupported) {
		return err
	}
	if fits, err = p.agree(fits); err != nil || fits {
		return err
	}
	p.list.evaluates(p.cfg.Batch, p.all.Batch)
	return nil
}

// agree says whether yes is true on all cards.
func (p *program) agree(yes bool) (bool, error) {
	if p.group == nil {
		return yes, nil
	}
	p.backend.Group.Progress.prepared()
	no, s, at := []float32{0}, p.dev.streams[mainStream], p.dev.single[Loss]
	if !yes {
		no[0] = 1
	}
	err := s.CopyToDevice(at, cuda.Bytes(no))
	if err == nil {
		err = p.group.comm.AllReduce(at, at, 1, nccl.F32, nccl.Sum, s)
	}
	if err == nil {
		err = errors.Join(s.CopyToHost(cuda.Bytes(no), at), s.Synchronize())
	}
	return no[0] == 0, p.group.because(err)
}

// evaluate runs test images lo..hi-1 with replica 0's running statistics, a batch at a time. It
// calls each after every batch, with the number of its images.
func (p *program) evaluate(lo, hi int, each func(n int) error) error {
	d := p.sets[evaluation]
	if d == nil {
		return engine.NotLoaded("gpu", "test")
	}
	if err := engine.CheckRange("gpu", lo, hi, d.n); err != nil {
		return err
	}
	if p.group != nil {
		if err := p.sendStatistics(); err != nil {
			return p.group.because(err)
		}
	}
	for _, k := range p.normEval {
		if err := p.launchOnce(k); err != nil {
			return err
		}
	}
	batch := p.list.Eval.all()
	index := make([]int32, min(batch, hi-lo))
	for ; lo < hi; lo += batch {
		n := min(batch, hi-lo)
		for i := range n {
			index[i] = int32(lo + i)
		}
		if err := p.queue(evaluation, kernels.Step{}, index[:n]); err != nil {
			return err
		}
		if err := each(n); err != nil {
			return err
		}
	}
	return nil
}
