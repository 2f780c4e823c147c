package gpu

import (
	"fmt"

	kernels "shake/csrc/cuda"
	"shake/cudnn"
	"shake/internal/engine"
	"shake/internal/graph"
)

// precision is the storage and the arithmetic of a training. Sums, statistics, master weights,
// momentum and the loss are float32 or better in every precision.
type precision struct {
	name    string
	storage kernels.Type   // activations, their gradients, the weights that convolutions read
	compute cudnn.DataType // least precision of products of float32 operands
	scaled  bool           // the loss is scaled so that small gradients survive
	major   int            // smallest compute capability with this precision
}

var precisions = []precision{
	{name: "bf16", storage: kernels.BF16, compute: cudnn.F32, major: 8},
	{name: "fp16", storage: kernels.F16, compute: cudnn.F32, scaled: true, major: 7},
	{name: "tf32", storage: kernels.F32, compute: cudnn.TF32, major: 8},
	{name: "fp32", storage: kernels.F32, compute: cudnn.F32, major: 5},
}

// choosePrecision resolves a configuration's precision for a card. "auto" is bf16, or fp16 on cards
// without bf16.
func choosePrecision(c engine.Config, card string, major, minor int) (precision, error) {
	var names []string
	for _, p := range precisions {
		names = append(names, p.name)
	}
	if err := c.CheckPrecision("gpu", names...); err != nil {
		return precision{}, err
	}
	auto := c.Precision == "" || c.Precision == "auto"
	for _, p := range precisions {
		if auto && major >= p.major || c.Precision == p.name {
			if major < p.major {
				return p, &engine.PrecisionError{Text: fmt.Sprintf("gpu: engine.precision is %s, which needs compute capability %d.0: %s has %d.%d; take fp16 or fp32", p.name, p.major, card, major, minor)}
			}
			return p, nil
		}
	}
	return precision{}, fmt.Errorf("gpu: %s has compute capability %d.%d: want 5.0 or more", card, major, minor)
}

// dataType is cuDNN's name of t.
func dataType(t kernels.Type) cudnn.DataType {
	return map[kernels.Type]cudnn.DataType{kernels.F32: cudnn.F32, kernels.F16: cudnn.F16, kernels.BF16: cudnn.BF16}[t]
}

// ListFor makes the list of a training step without a card. The precision "auto" is resolved for a
// card with every precision.
func ListFor(g *graph.Graph, c engine.Config) (*List, error) {
	p, err := choosePrecision(c, "any card", 99, 0)
	if err != nil {
		return nil, err
	}
	return Lower(g, p.storage, c.Batch, c.Replicas, RecipeOf(c))
}
