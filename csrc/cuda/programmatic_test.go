package cuda

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	driver "shake/cudnn/cuda"
)

// constants are the arguments that no launch of a step writes. A kernel may read them before it
// waits.
var constants = map[string]bool{"step": true, "index": true}

// eachOnce is how many of a test run's kernels of one name are launched programmatically, too.
const eachOnce = 3

var launched = map[string]int{}

// programmatic says whether k, too, is to be launched behind a kernel that writes its arguments. A
// cooperative launch cannot overlap another one.
func programmatic(k *Kernel) bool {
	if device.ctx.Device().Programmatic() != nil || launched[k.Entry] >= eachOnce || k.Launch(1).Cooperative {
		return false
	}
	launched[k.Entry]++
	return true
}

// contents copies the bytes of all arguments.
func contents(args map[string]any) map[*memory][]byte {
	out := map[*memory][]byte{}
	for _, a := range args {
		if m, ok := a.(*memory); ok && m != nil {
			out[m] = bytes.Clone(m.data)
		}
	}
	return out
}

const writeText = `extern "C" __global__ void writes(const unsigned long long *moves) {
  const unsigned char *from = (const unsigned char *)moves[3 * blockIdx.x];
  unsigned char *to = (unsigned char *)moves[3 * blockIdx.x + 1];
  for (unsigned long long i = threadIdx.x; i < moves[3 * blockIdx.x + 2]; i += blockDim.x) to[i] = from[i];
}`

// writes queues a kernel that copies bytes: each of moves is a source, a destination, and a count.
func writes(moves []uint64) (closers []interface{ Close() error }, err error) {
	b, err := driver.DefaultKernelCache().Compile(writeText, "writes.cu", []string{"--gpu-architecture=" + device.ctx.Device().Arch()})
	if err != nil {
		return nil, err
	}
	m, err := device.ctx.LoadModule(b.Image)
	if err != nil {
		return nil, err
	}
	closers = append(closers, m)
	f, err := m.Function("writes")
	if err != nil {
		return closers, err
	}
	table, err := device.ctx.Alloc(int64(8 * len(moves)))
	if err != nil {
		return closers, err
	}
	closers = append(closers, table)
	if err := device.s.CopyToDevice(table.Ptr(), driver.Bytes(moves)); err != nil {
		return closers, err
	}
	c, err := f.NewCall(driver.Launch{Grid: [3]uint32{uint32(len(moves) / 3)}, Block: [3]uint32{128}}, table.Ptr())
	if err != nil {
		return closers, err
	}
	return append(closers, c), c.Run(device.s)
}

// TestEachWaits checks that every text with an entry point waits once, before its first return.
func TestEachWaits(t *testing.T) {
	names, err := fs.Glob(texts, "*.cu")
	if err != nil {
		t.Fatal(err)
	}
	comment, checked := regexp.MustCompile(`//.*`), 0
	for _, name := range names {
		b, err := texts.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, body, found := strings.Cut(string(comment.ReplaceAll(b, nil)), `extern "C" __global__`)
		if !found {
			continue
		}
		checked++
		front, _, waits := strings.Cut(body, "sk_begin();")
		if !waits || strings.Contains(front, "return") || strings.Count(string(b), "sk_begin();") != 1 {
			t.Errorf("%s: want one sk_begin(), in front of every return", name)
		}
	}
	if checked < 20 {
		t.Errorf("only %d texts have an entry point", checked)
	}
}
