package cuda

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"shake/csrc/load"
	"shake/internal/files"
)

// KernelCacheVariable names the folder of the kernel cache; "off" means none.
const KernelCacheVariable = "SHAKE_KERNEL_CACHE"

// KernelCache keeps compiled code in a folder. An entry's name is a hash of the source, its name,
// the options (the architecture among them), and the NVRTC that compiled it: its version, file,
// size and date. So no entry becomes invalid, and the folder may be deleted at any time.
//
// Entries are written whole or not at all, by renaming, so several processes may fill one folder at
// once. Each carries a checksum; a damaged entry is compiled again and replaced.
type KernelCache struct {
	Dir string // made when needed; empty: no cache
}

// DefaultKernelCache keeps code in the folder that SHAKE_KERNEL_CACHE names, else in shake/kernels
// in the user's cache folder.
func DefaultKernelCache() KernelCache {
	switch dir := os.Getenv(KernelCacheVariable); dir {
	case "off":
		return KernelCache{}
	case "":
		base, err := os.UserCacheDir()
		if err != nil {
			return KernelCache{} // without a home folder every text is compiled each time
		}
		return KernelCache{filepath.Join(base, "shake", "kernels")}
	default:
		return KernelCache{dir}
	}
}

// Compile returns the entry if it exists; otherwise it compiles as the function Compile does and
// keeps the result. A folder that cannot be read or written, and a damaged entry, are no errors:
// the code is compiled, and Binary.Note describes the problem. Errors are those of Compile;
// failures are not kept.
func (k KernelCache) Compile(src, name string, opts []string) (*Binary, error) {
	if k.Dir == "" {
		return Compile(src, name, opts)
	}
	by, err := compiler()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(k.Dir, key(by, src, name, opts)+".kernel")
	b, note := readEntry(path)
	if b != nil {
		return b, nil
	}
	if b, err = Compile(src, name, opts); err != nil {
		return nil, err
	}
	if err := writeEntry(path, b); err != nil {
		if note != "" {
			note += "; "
		}
		note += fmt.Sprintf("kernel cache: %v: compiled code is not kept", err)
	}
	b.Note = note
	return b, nil
}

// compiler identifies the NVRTC in use: two of one version may differ, so the file counts too.
func compiler() (string, error) {
	major, minor, err := NVRTCVersion()
	if err != nil {
		return "", err
	}
	path, err := load.Status(load.NVRTC)
	if err != nil {
		return "", err
	}
	by := fmt.Sprintf("nvrtc %d.%d %s", major, minor, path)
	if info, err := os.Stat(path); err == nil {
		by += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
	}
	return by, nil
}

// key hashes the parts with their lengths, so that two different lists never give the same text.
func key(by, src, name string, opts []string) string {
	h := sha256.New()
	for _, s := range append([]string{entryMagic, by, src, name}, opts...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// An entry is the magic line, the SHA-256 of the rest, the log's length as a little-endian uint64,
// the log, the image.
const entryMagic = "shake kernel 1\n"

const maxEntry = 256 << 20 // bytes; a kernel has some hundred thousand

// readEntry returns an entry, or nil; the note is the reason why an existing one cannot be used.
func readEntry(path string) (b *Binary, note string) {
	raw, err := files.Read(path, maxEntry)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ""
	}
	if err == nil {
		// Code that another user could have put there must not run
		err = files.Private(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Sprintf("kernel cache: %v", err)
	}
	damaged := fmt.Sprintf("kernel cache: %s was damaged (%d bytes) and is compiled again", path, len(raw))
	body, ok := bytes.CutPrefix(raw, []byte(entryMagic))
	if !ok || len(body) < sha256.Size+8 {
		return nil, damaged
	}
	sum, body := body[:sha256.Size], body[sha256.Size:]
	if have := sha256.Sum256(body); !bytes.Equal(sum, have[:]) {
		return nil, damaged
	}
	n, body := binary.LittleEndian.Uint64(body), body[8:]
	if n > uint64(len(body)) {
		return nil, damaged
	}
	return &Binary{Image: body[n:], Log: string(body[:n]), Cached: true}, ""
}

// writeEntry writes an entry whole, into a folder that belongs to the user alone: its code will
// run.
func writeEntry(path string, b *Binary) error {
	if err := files.Private(filepath.Dir(path)); err != nil {
		return err
	}
	body := binary.LittleEndian.AppendUint64(nil, uint64(len(b.Log)))
	body = append(append(body, b.Log...), b.Image...)
	sum := sha256.Sum256(body)
	return files.Replace(path, func(w io.Writer) error {
		for _, part := range [][]byte{[]byte(entryMagic), sum[:], body} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
}
