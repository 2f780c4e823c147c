package gpu

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
)

// bound is a launch with the loaded function of its kernel.
type bound struct {
	*Launch
	function *cuda.Function
	room     int // blocks that the card holds at a time
}

// loadKernels makes the launches of every op for training and evaluation. It compiles each distinct
// kernel once, and loads the kernels.
func (p *program) loadKernels() error {
	var all []*bound
	add := func(l *Launch, err error) (*bound, error) {
		if l == nil || err != nil {
			return nil, err
		}
		if p.overlap.asked {
			own := *l
			own.Kernel = l.Kernel.Programmatic()
			l = &own
		}
		b := &bound{Launch: l}
		all = append(all, b)
		return b, nil
	}
	for m := range p.kernels {
		l := p.list.of(mode(m))
		for i, o := range l.Ops {
			b, err := add(l.launch(o, mode(m), p.cfg))
			if err != nil {
				return fmt.Errorf("gpu: %s: %w", l.op(o), err)
			}
			if b != nil {
				b.onStream(l.Items[i].Stream)
			}
			p.kernels[m] = append(p.kernels[m], b)
		}
	}
	for id := range p.list.Plan.Norms {
		b, err := add(p.list.normEvalLaunch(engine.NormID(id)))
		if err != nil {
			return err
		}
		p.normEval = append(p.normEval, b)
	}
	for _, r := range p.rivals {
		for _, l := range r.after {
			b, err := add(l, nil)
			if err != nil {
				return err
			}
			r.bound = append(r.bound, b)
		}
	}
	var cast *bound
	if p.list.Type != kernels.F32 {
		var err error
		if cast, err = add(p.list.castLaunch()); err != nil {
			return err
		}
	}
	images, err := p.compile(all)
	if err != nil {
		return err
	}
	if err := p.load(all, images); err != nil {
		return err
	}
	p.cast = cast
	return nil
}

// compile turns every different text into code.
func (p *program) compile(all []*bound) (map[string][]byte, error) {
	texts := map[string]*kernels.Kernel{}
	for _, b := range all {
		texts[b.Kernel.Text] = b.Kernel
	}
	images := map[string][]byte{}
	one := p.counter("%d of %d kernels are compiled", len(texts))
	err := compileTexts(texts, func(text string, b *cuda.Binary) {
		one()
		images[text] = b.Image
		if b.Note != "" {
			p.say(b.Note)
		}
	}, "--gpu-architecture="+p.card.Arch())
	return images, err
}

// compileTexts compiles kernels, by their text, several at a time. It calls done with the result of
// each, never twice at once, and returns the first error.
func compileTexts(texts map[string]*kernels.Kernel, done func(text string, b *cuda.Binary), options ...string) error {
	cache := cuda.DefaultKernelCache()
	var first error
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for text, k := range texts {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			_, own, entry := k.Source()
			b, err := cache.Compile(text, entry+".cu", slices.Concat(options, own))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done(text, b)
			} else if first == nil {
				first = fmt.Errorf("gpu: kernel %s: %w", entry, err)
			}
		})
	}
	wg.Wait()
	return first
}

func (p *program) load(all []*bound, images map[string][]byte) error {
	functions := map[string]*cuda.Function{}
	for _, b := range all {
		f := functions[b.Kernel.Text]
		if f == nil {
			m, err := p.dev.ctx.LoadModule(images[b.Kernel.Text])
			if err != nil {
				return err
			}
			p.modules = append(p.modules, m)
			if f, err = m.Function(b.Kernel.Entry); err != nil {
				return err
			}
			if n := b.Kernel.Launch(1).Shared; n > 0 {
				if err := f.SetMaxDynamicShared(int(n)); err != nil {
					return err
				}
			}
			functions[b.Kernel.Text] = f
		}
		b.function = f
		l := b.Kernel.Launch(1)
		each, err := f.Occupancy(int(l.Block[0]), int(l.Shared))
		if err != nil {
			return err
		}
		b.room = each * p.card.SMs()
	}
	return nil
}

// argument converts a number or an address to the kind of argument that a kernel takes.
func argument(kind kernels.ArgKind, n int, p cuda.Ptr) any {
	switch kind {
	case kernels.Uint32:
		return uint32(n)
	case kernels.Int32:
		return int32(n)
	case kernels.Int64:
		return int64(n)
	case kernels.Float32:
		return float32(n)
	}
	return p
}
