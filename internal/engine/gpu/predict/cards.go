package predict

import (
	"fmt"
	"strings"
)

// Card is the model's knowledge of a card. A rate is one that a program can reach, not the promise
// of a data sheet. The source of each number stands beside it in the table.
type Card struct {
	Name   string `json:"name"`   // of the table
	Device string `json:"device"` // a part of the driver's name of the card
	Arch   string `json:"arch"`   // the architecture that its kernels are compiled for

	// Facts, from the vendor's data sheets and architecture papers.
	SMs int     `json:"multiprocessors"` // multiprocessors
	GHz float64 `json:"ghz"`             // boost clock
	// Dense 16-bit products with float32 sums, FLOP/s
	TensorPeak float64 `json:"tensor_flop_per_s"`
	MemoryPeak float64 `json:"memory_peak_byte_per_s"` // bytes a second
	L2         float64 `json:"l2_byte"`                // bytes
	Threads    int     `json:"threads"`                // largest number of threads a multiprocessor
	Blocks     int     `json:"blocks"`                 // largest number of blocks a multiprocessor
	// Bytes a multiprocessor has for blocks, the reserve for each block included
	Shared int `json:"shared_byte"`

	// Assumptions, to be replaced by measurements on the card.
	// Bytes a second of a kernel that reads and writes
	Memory float64 `json:"memory_byte_per_s"`
	Cache  float64 `json:"l2_byte_per_s"` // bytes a second out of the L2
	// bytes of the L2 that hold recently touched tensors; the rest holds code, parameters, and
	// lines in the wrong place
	Kept float64 `json:"l2_kept_byte"`
	// FLOP/s of the library's convolutions: forward, data gradient, weight gradient
	Conv [3]float64 `json:"conv_flop_per_s"`
	// seconds that a kernel costs in a captured graph beside its work: the gap, its ramp and its
	// tail
	Launch float64 `json:"launch_s"`
	Call   float64 `json:"call_s"` // the same for a convolution
	// in place of Launch for a programmatic launch behind a kernel of ours; 0: a card before sm_90,
	// which has none
	Overlap float64 `json:"overlap_s"`
	// Second stage of a weight gradient that is split over images
	Reduce float64 `json:"reduce_s"`
	// seconds that the last block of a reduction works alone: the fence, the norm's coefficients
	Merge float64 `json:"merge_s"`
	// seconds that the blocks of a cooperative kernel wait for each other
	Meet float64 `json:"meet_s"`
	// part of the multiprocessors that a kernel which moves bytes takes from others at work beside it
	Busy float64 `json:"busy"`
	// Seconds more for every block whose sums it reads
	Slot    float64 `json:"slot_s"`
	Sources string  `json:"sources"` // of the numbers above

	programmatic bool // launches that can overlap do
}

// SharedToll is the shared memory that a block takes beside its request, in bytes, from compute
// capability 8.0 on. (CUDA C++ programming guide.)
const SharedToll = 1024

// Cards are all described cards. The costs of kernels and the convolutions' share of the tensor
// peak on the H100 (300, 280 and 220 of 989 TFLOP/s) are estimates by hand for the small shapes of
// 26 2x32d, from the usual rates of such kernels. The other cards take them over, scaled by peak;
// the smaller the card, the larger the share.
var Cards = []Card{
	{
		Name: "h100", Device: "H100", Arch: "sm_90", SMs: 132, GHz: 1.98, TensorPeak: 989e12, MemoryPeak: 3.35e12, L2: 50 << 20, Threads: 2048, Blocks: 32, Shared: 228 << 10,
		Memory: 2.8e12, Cache: 5.0e12, Kept: 30e6, Conv: [3]float64{300e12, 280e12, 220e12},
		Launch: 2.5e-6, Overlap: 1.5e-6, Call: 3e-6, Reduce: 2e-6, Merge: 1e-6, Slot: 10.5e-9, Meet: 1.5e-6, Busy: 0.5,
		Sources: "H100 SXM data sheet and architecture white paper; reported of one H100 under PyTorch: a copy of 3.0e12 B/s, a bf16 product of 8192^3 at 7.98e14 FLOP/s; the rest is estimated",
	},
	{
		Name: "h200", Device: "H200", Arch: "sm_90", SMs: 132, GHz: 1.98, TensorPeak: 989e12, MemoryPeak: 4.8e12, L2: 50 << 20, Threads: 2048, Blocks: 32, Shared: 228 << 10,
		Memory: 4.0e12, Cache: 5.0e12, Kept: 30e6, Conv: [3]float64{300e12, 280e12, 220e12},
		Launch: 2.5e-6, Overlap: 1.5e-6, Call: 3e-6, Reduce: 2e-6, Merge: 1e-6, Slot: 10.5e-9, Meet: 1.5e-6, Busy: 0.5,
		Sources: "H200 data sheet: the H100's chip with faster memory; reported of one H200 under PyTorch: a copy of 4.3e12 B/s, a product at 7.9e14 FLOP/s, 60 MB of L2; the rest as of the H100",
	},
	{
		Name: "a100", Device: "A100", Arch: "sm_80", SMs: 108, GHz: 1.41, TensorPeak: 312e12, MemoryPeak: 2.04e12, L2: 40 << 20, Threads: 2048, Blocks: 32, Shared: 164 << 10,
		Memory: 1.7e12, Cache: 3.5e12, Kept: 24e6, Conv: [3]float64{150e12, 140e12, 110e12},
		Launch: 2.8e-6, Call: 3.5e-6, Reduce: 2.5e-6, Merge: 1.4e-6, Slot: 14e-9, Meet: 1.8e-6, Busy: 0.5,
		Sources: "A100 80GB SXM data sheet and white paper; the rest is estimated: none was measured",
	},
	{
		Name: "rtx4090", Device: "RTX 4090", Arch: "sm_89", SMs: 128, GHz: 2.52, TensorPeak: 165e12, MemoryPeak: 1.008e12, L2: 72 << 20, Threads: 1536, Blocks: 24, Shared: 100 << 10,
		Memory: 0.92e12, Cache: 4.0e12, Kept: 48e6, Conv: [3]float64{100e12, 95e12, 80e12},
		Launch: 2.2e-6, Call: 2.7e-6, Reduce: 1.8e-6, Merge: 0.9e-6, Slot: 9e-9, Meet: 1.4e-6, Busy: 0.5,
		Sources: "Ada architecture white paper (float32 sums halve the tensor rate of GeForce cards); the rest is estimated: none was measured",
	},
	{
		Name: "b200", Device: "B200", Arch: "sm_100", SMs: 148, GHz: 1.965, TensorPeak: 2250e12, MemoryPeak: 8.0e12, L2: 126 << 20, Threads: 2048, Blocks: 32, Shared: 228 << 10,
		Memory: 6.5e12, Cache: 8.0e12, Kept: 76e6, Conv: [3]float64{550e12, 510e12, 400e12},
		Launch: 2.5e-6, Overlap: 1.5e-6, Call: 3e-6, Reduce: 2e-6, Merge: 1e-6, Slot: 10.5e-9, Meet: 1.5e-6, Busy: 0.5,
		Sources: "B200 data sheet (one of an HGX's eight); the rest is estimated: none was measured",
	},
}

// Find returns the card of that name.
func Find(name string) (Card, error) {
	var names []string
	for _, c := range Cards {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Card{}, fmt.Errorf("no card %q is described: want one of %s", name, strings.Join(names, ", "))
}

// Of returns the card with this driver's name; false if none is described.
func Of(device string) (Card, bool) {
	for _, c := range Cards {
		if strings.Contains(device, c.Device) {
			return c, true
		}
	}
	return Card{}, false
}
