package train

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"shake/internal/files"
)

// header is a safetensors file of this header and so many bytes after it.
func header(text string, size int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(b, text...), make([]byte, size)...)
}

// TestHostileWeights: a file that is no file of weights is refused at once with its place, before
// the reader allocates the size that the file claims.
func TestHostileWeights(t *testing.T) {
	dir := t.TempDir()
	const sparse = 1 << 40
	one := `"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		name  string
		start []byte
		size  int64 // of a sparse file; 0: the size of start
		text  string
	}{
		{"empty", nil, 0, "offset 0: want the eight bytes"},
		{"zeros for ever", nil, sparse, "more than weights of this network can have"},
		{"claims 1 TiB", header(fmt.Sprintf(`{"w":{"dtype":"U8","shape":[1048576,1048576],"data_offsets":[0,%d]}}`, sparse), 0), 0, "more than weights"},
		{"claims what is not there", header(`{"w":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}`, 8), 0, "data_offsets [0, 4000000], want them from 0 on and at most 8"},
		{"a long header", binary.LittleEndian.AppendUint64(nil, 1<<62), 0, "offset 0: a header of 4611686018427387904 bytes in a file of 8"},
		{"a header of negative length", bytes.Repeat([]byte{0xff}, 16), 0, "offset 0: a header of"},
		{"no object", header(`[]`, 0), 0, "offset 9: want \"{\""},
		{"cut in a name", header(`{"w`, 0), 0, "offset 9: want a string"},
		{"nested deep", header(strings.Repeat(`{"a":`, 100000), 0), 0, `unknown key a`},
		{"a name twice", header("{"+one+","+one+"}", 8), 0, "w stands there twice"},
		{"a key twice", header(`{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8), 0, "twice"},
		{"more behind", header("{"+one+"} {}", 8), 0, "want nothing behind"},
		{"negative offsets", header(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 0), 0, "want a whole number"},
		{"backwards", header(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), 0, "want them from 0 on"},
		{"overlapping", header(`{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), 0, "tensor w: data_offsets [4, 12], want them from 8"},
		{"a gap", header(`{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), 0, "tensor w: data_offsets [12, 16]"},
		{"more bytes than tensors", header("{"+one+"}", 9), 0, "the tensors end at byte 8, the file at 9"},
		{"sizes that overflow", header(`{"w":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,0]}}`, 0), 0, "0 bytes for shape"},
		{"a dimension too large", header(`{"w":{"dtype":"F32","shape":[4294967296,0],"data_offsets":[0,0]}}`, 0), 0, "want a whole number up to 2147483647"},
		{"many dimensions", header(`{"w":{"dtype":"F32","shape":[`+strings.Repeat("1,", 1000)+`1],"data_offsets":[0,4]}}`, 4), 0, "at most 8 numbers"},
		{"a strange type", header(`{"w":{"dtype":"F\u001b[2J","shape":[],"data_offsets":[0,4]}}`, 4), 0, `unknown type "F\x1b[2J"`},
		{"torch.save", append([]byte("PK\x03\x04"), make([]byte, 100)...), 0, "torch.load(FILE, weights_only=True)"},
		{"an old torch.save", []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."), 0, "a pickle"},
		{"a pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00"), 0, "git lfs pull"},
		{"a web page", []byte("<!DOCTYPE html><html>Sign in"), 0, "a web page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, "weights")
			if err := os.WriteFile(file, c.start, 0o644); err != nil {
				t.Fatal(err)
			}
			if c.size == 0 && strings.HasPrefix(c.name, "claims 1") {
				c.size = int64(len(c.start)) + sparse
			}
			if c.size > 0 {
				if err := os.Truncate(file, c.size); err != nil {
					t.Skip(err)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := readTensors(file, 1<<20)
			runtime.ReadMemStats(&after)
			var bad *Corrupt
			if !errors.As(err, &bad) || bad.File != file || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 600 || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("have %v, want %q", err, c.text)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 4*uint64(len(c.start))+1<<20 {
				t.Errorf("%d bytes of memory for a file of %d", used, len(c.start))
			}
		})
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, file := range []string{pipe, "/dev/zero", dir} {
		var not *files.NotRegular
		if _, _, err := readTensors(file, 0); !errors.As(err, &not) {
			t.Errorf("%s: have %v", file, err)
		}
	}
}

// TestHeaderMemory: the worst header for its size, of many small tensors, takes at most four times
// the memory of the file. A length that looks like another kind of file is still a length.
func TestHeaderMemory(t *testing.T) {
	var text strings.Builder
	text.WriteString("{")
	for i := range 20000 {
		if i > 0 {
			text.WriteString(",")
		}
		fmt.Fprintf(&text, `"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`, i)
	}
	text.WriteString("}")
	for text.Len()%256 != '<' {
		text.WriteString(" ")
	}
	b := header(text.String(), 0)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ts, meta, err := decodeTensors(bytes.NewReader(b), int64(len(b)))
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err != nil || len(ts) != 20000 {
		t.Fatalf("%d tensors, %v", len(ts), err)
	}
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 4*int64(len(b)) {
		t.Errorf("%d bytes kept for a file of %d", used, len(b))
	}
	runtime.KeepAlive(meta)
	runtime.KeepAlive(ts)
}

// TestWrappedWeights: the error names a remedy for the prefix that wrappers of PyTorch leave.
func TestWrappedWeights(t *testing.T) {
	state := tensors()
	for _, prefix := range []string{"module.", "_orig_mod.", "module._orig_mod.", "net.backbone."} {
		have := tensors()
		for i := range have {
			have[i].Name = prefix + have[i].Name
		}
		_, _, err := fit("f", have, state, false)
		var w *WeightsError
		if !errors.As(err, &w) || w.Prefix != prefix || !strings.Contains(err.Error(), fmt.Sprintf("removeprefix(%q)", prefix)) {
			t.Errorf("%s: have %v", prefix, err)
		}
	}
	foreign := tensors()
	for i := range foreign {
		foreign[i].Name = "layer" + foreign[i].Name
	}
	var w *WeightsError
	if _, _, err := fit("f", foreign, state, false); !errors.As(err, &w) || w.Prefix != "" {
		t.Errorf("another network: have %v", err)
	}
}
