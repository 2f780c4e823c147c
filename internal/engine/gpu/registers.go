package gpu

import (
	"regexp"
	"strconv"

	kernels "shake/csrc/cuda"
	"shake/cudnn/cuda"
	"shake/internal/engine"
	"shake/internal/engine/gpu/predict"
)

var (
	registersUsed = regexp.MustCompile(`Used (\d+) registers`)
	sharedUsed    = regexp.MustCompile(`(\d+) bytes smem`)
)

// CompileFor compiles the kernels of a training step, those of cooperative launches too, for a
// described card, several at a time. It returns the compiler's report on each kernel. It needs
// NVRTC and no card. The returned function is nil with a compiler that reports nothing (an emulated
// one).
//
// Errors: those of cuda.Compile.
func (l *List) CompileFor(card predict.Card, c engine.Config) (func(*kernels.Kernel) *Used, error) {
	texts := map[string]*kernels.Kernel{}
	more, err := l.Cooperative(card.SMs, card.Shared)
	if err != nil {
		return nil, err
	}
	for _, k := range more {
		texts[k.Text] = k
	}
	for _, o := range l.Ops {
		k, err := l.launch(o, training, c)
		if err != nil {
			return nil, err
		}
		if k != nil {
			texts[k.Kernel.Text] = k.Kernel
		}
	}
	used := map[string]*Used{}
	err = compileTexts(texts, func(text string, b *cuda.Binary) { used[text] = usedBy(b.Log) }, "--gpu-architecture="+card.Arch, "--ptxas-options=-v")
	return func(k *kernels.Kernel) *Used { return used[k.Text] }, err
}

// usedBy reads the report of ptxas under -v; nil if the log has none.
func usedBy(log string) *Used {
	m := registersUsed.FindStringSubmatch(log)
	if m == nil {
		return nil
	}
	u := &Used{}
	u.Registers, _ = strconv.Atoi(m[1])
	if m := sharedUsed.FindStringSubmatch(log); m != nil {
		u.Shared, _ = strconv.Atoi(m[1])
	}
	return u
}
