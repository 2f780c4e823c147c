package cudnn

import (
	"fmt"
	"slices"
	"strings"
)

// KnobType is the kind of a knob of an engine (cudnnBackendKnobType_t). The meaning of most values
// is the engine's own. Versions of the library add types: a type without a name here can be set all
// the same.
type KnobType int32

// The knobs that this package has names for.
const (
	// KnobSplitKSlices is the number of slices that the sum of a product is cut into, each computed
	// by thread blocks of its own. In a weight gradient it is the sum over images and positions. An
	// engine with this knob adds the slices in a second step, in a fixed order unless its notes say
	// otherwise.
	KnobSplitKSlices KnobType = knobSplitKSlices
	// KnobSplitPSlices is KnobSplitKSlices along the rows of the output.
	KnobSplitPSlices KnobType = knobSplitPSlices
	// KnobStreamK gives every thread block an equal share of all sums, however they are cut.
	KnobStreamK KnobType = knobStreamK
	// KnobKernelConfig is one of the engine's kernels: the size of its tiles, above all.
	KnobKernelConfig KnobType = knobKernelConfig
	KnobTileM        KnobType = knobTileM        // rows of a thread block's tile
	KnobTileN        KnobType = knobTileN        // columns of a thread block's tile
	KnobTileK        KnobType = knobTileK        // products that are added in one turn of the loop
	KnobStages       KnobType = knobStages       // turns of the loop in flight
	KnobTileSize     KnobType = knobTileSize     // the tile, as a number of the engine's own
	KnobSplitKBuffer KnobType = knobSplitKBuffer // whether the workspace holds each slice apart
	KnobReduction    KnobType = knobReduction    // the way of adding slices
	KnobWorkspace    KnobType = knobWorkspace    // whether a workspace may be used
	KnobOccupancy    KnobType = knobOccupancy    // thread blocks of a multiprocessor
	KnobBlockSize    KnobType = knobBlockSize    // threads of a block
	KnobCTACount     KnobType = knobCTACount     // thread blocks
	KnobWarpSpec     KnobType = knobWarpSpec     // the role of each warp
	KnobSwizzle      KnobType = knobSwizzle      // the order of the tiles
	KnobClusterM     KnobType = knobClusterM     // thread blocks of a cluster along the rows
	KnobClusterN     KnobType = knobClusterN     // thread blocks of a cluster along the columns
)

var knobNames = map[KnobType]string{
	KnobSplitKSlices: "SPLIT_K_SLC", KnobSplitPSlices: "SPLIT_P_SLC", KnobStreamK: "STREAM_K", KnobKernelConfig: "KERNEL_CFG", KnobTileM: "TILE_M",
	KnobTileN: "TILE_N", KnobTileK: "TILEK", KnobStages: "STAGES", KnobTileSize: "TILE_SIZE", KnobSplitKBuffer: "SPLIT_K_BUF", KnobReduction: "REDUCTION_MODE",
	KnobWorkspace: "WORKSPACE", KnobOccupancy: "OCCUPANCY", KnobBlockSize: "BLOCK_SIZE", KnobCTACount: "CTA_COUNT", KnobWarpSpec: "WARP_SPEC_CFG",
	KnobSwizzle: "SWIZZLE", KnobClusterM: "TILE_CGA_M", KnobClusterN: "TILE_CGA_N",
}

// String is the library's name of the type without its prefix, or its number.
func (k KnobType) String() string {
	if name, ok := knobNames[k]; ok {
		return name
	}
	return fmt.Sprintf("KNOB_%d", int32(k))
}

// Knob is one setting that an engine has for a graph, and its range: Min, Min+Stride, ... up to
// Max. The library may fail to prepare some of these values.
type Knob struct {
	Type             KnobType
	Min, Max, Stride int64
}

func (k Knob) String() string {
	s := fmt.Sprintf("%v %d..%d", k.Type, k.Min, k.Max)
	if k.Stride > 1 {
		s += fmt.Sprintf(" by %d", k.Stride)
	}
	return s
}

// Takes says whether v is in the knob's range.
func (k Knob) Takes(v int64) bool {
	return v >= k.Min && v <= k.Max && (k.Stride <= 1 || (v-k.Min)%k.Stride == 0)
}

// Setting is a knob's value.
type Setting struct {
	Type  KnobType
	Value int64
}

func (s Setting) String() string { return fmt.Sprintf("%v=%d", s.Type, s.Value) }

// EngineConfig is one of the library's engines with settings of its knobs; unset knobs keep the
// engine's default. Each kind of graph and each version has its own numbering of engines.
type EngineConfig struct {
	Engine   int64
	Settings []Setting
}

// Setting returns a knob's value, and whether it is set.
func (c EngineConfig) Setting(k KnobType) (int64, bool) {
	for _, s := range c.Settings {
		if s.Type == k {
			return s.Value, true
		}
	}
	return 0, false
}

func (c EngineConfig) String() string {
	words := []string{fmt.Sprintf("e%d", c.Engine)}
	for _, s := range c.sorted() {
		words = append(words, s.String())
	}
	return strings.Join(words, " ")
}

// sorted are the settings in a fixed order, whatever their order in Settings.
func (c EngineConfig) sorted() []Setting {
	return slices.SortedFunc(slices.Values(c.Settings), func(a, b Setting) int { return int(a.Type) - int(b.Type) })
}
