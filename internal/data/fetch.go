package data

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"shake/internal/files"
)

// FetchOptions sets the source and the folder of a fetch; the zero value is right for a person at a
// terminal.
type FetchOptions struct {
	Dir string // folder of the archive; "": Folder()
	// From is a mirror: the archive's URL, a URL ending in "/" that holds it, or a local file. ""
	// is the authors' site.
	From string
	// Progress, if not nil, receives the bytes so far and in all (-1: unknown), on Fetch's goroutine.
	Progress func(done, total int64)
	// Stall is the silence after which a connection is given up and resumed; 0: 30 s.
	Stall  time.Duration
	Client *http.Client // nil: http.DefaultClient

	// Tests set these.
	pause time.Duration             // before the second attempt; 0: firstPause
	least int64                     // bytes a second; 0: leastSpeed
	grace time.Duration             // before the speed counts; 0: grace
	wrap  func(io.Writer) io.Writer // stands between the data and the disk
}

// setDefaults fills in the fields that are zero.
func (o *FetchOptions) setDefaults() {
	o.Stall = cmp.Or(o.Stall, defaultStall)
	o.pause = cmp.Or(o.pause, firstPause)
	o.least = cmp.Or(o.least, leastSpeed)
	o.grace = cmp.Or(o.grace, grace)
	client := *cmp.Or(o.Client, http.DefaultClient)
	client.CheckRedirect = redirect
	o.Client = &client
}

func (o *FetchOptions) wrapped(w io.Writer) io.Writer {
	if o.wrap == nil {
		return w
	}
	return o.wrap(w)
}

// Fetched is the result of Fetch.
type Fetched struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	MD5     string `json:"md5"`    // hexadecimal; the one that the authors publish
	SHA256  string `json:"sha256"` // hexadecimal
	Already bool   `json:"already"`
}

// ErrBusy says that another process is fetching the same archive into the same folder.
var ErrBusy = errors.New("another process is fetching this archive")

// ChecksumError says that the received file is not the official archive.
type ChecksumError struct {
	From       string
	Want, Have string // SHA-256, hexadecimal; Have is empty where the size alone is wrong
	Bytes      int64
	WantBytes  int64
	Hint       string
}

func (e *ChecksumError) Error() string {
	if e.Have == "" {
		return fmt.Sprintf("data: %s is not the official archive: want %d bytes, have %d%s", e.From, e.WantBytes, e.Bytes, e.Hint)
	}
	return fmt.Sprintf("data: %s is not the official archive: want sha256 %s (%d bytes), have %s (%d bytes)%s",
		e.From, e.Want, e.WantBytes, e.Have, e.Bytes, e.Hint)
}

// Fetch puts the official archive of "cifar10" or "cifar100" into a folder, unopened, and returns
// its path. A complete archive that is already there is kept.
//
// The bytes gather in a file beside it, NAME.partial. If the call is cut, cancelled or out of disk,
// a later call goes on with that file. Cut and silent connections are resumed by Range with
// If-Range. If the server ignores ranges, or its file has changed, the file is read from the start.
// A file from several answers that turns out wrong gets one second chance, in one piece. A download
// slower than 8 KiB/s on the mean is given up, so that every call ends.
//
// The file is renamed to its name, atomically, once MD5 and SHA-256 are the published ones.
// Otherwise it is deleted and the error is a *ChecksumError. Errors that another attempt cannot
// cure (no such file, a certificate that is not trusted, redirects in a circle) come at once. Other
// errors come after five attempts in a row without progress. A second process that fetches the same
// archive gets ErrBusy.
func Fetch(ctx context.Context, set string, o FetchOptions) (Fetched, error) {
	c, err := known(set)
	if err != nil {
		return Fetched{}, err
	}
	return fetch(ctx, c.archive, o)
}

func fetch(ctx context.Context, a archive, o FetchOptions) (Fetched, error) {
	if o.Dir == "" {
		dir, err := Folder()
		if err != nil {
			return Fetched{}, err
		}
		o.Dir = dir
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return Fetched{}, diskError(a, o.Dir, fmt.Errorf("data: making the folder for %s: %w", a.name, err))
	}
	// Without locks in the file system, two fetches at once may spoil each other's archive. The
	// checksums then say so.
	lock, err := (*files.Disk)(nil).Lock(filepath.Join(o.Dir, "."+a.name+".lock"))
	switch {
	case errors.Is(err, files.ErrLocked):
		return Fetched{}, fmt.Errorf("data: %s: %w; wait for it to end", filepath.Join(o.Dir, a.name), ErrBusy)
	case err != nil:
		return Fetched{}, diskError(a, o.Dir, fmt.Errorf("data: locking %s: %w", a.name, err))
	}
	defer lock.Close()

	final := filepath.Join(o.Dir, a.name)
	got, err := a.check(final)
	var other *files.NotRegular
	switch {
	case err == nil:
		got.Already = true
		return got, nil
	case errors.As(err, &other):
		return Fetched{}, fmt.Errorf("%w; choose another folder with --dir", err)
	}
	got, err = receive(ctx, a, o, final+".partial")
	if err != nil {
		return Fetched{}, diskError(a, o.Dir, err)
	}
	if err := publish(final+".partial", final); err != nil {
		return Fetched{}, diskError(a, o.Dir, fmt.Errorf("data: %w", err))
	}
	got.Path = final
	return got, nil
}

// receive fills the partial file, from its end where possible, until it is the whole archive.
func receive(ctx context.Context, a archive, o FetchOptions, partial string) (Fetched, error) {
	source, local := locate(a, o.From)
	for ranges := true; ; ranges = false {
		resumed, err := false, error(nil)
		if local {
			err = a.copyFile(ctx, source, partial, o.Progress)
		} else {
			resumed, err = download(ctx, a, source, partial, ranges, o)
		}
		if err != nil {
			return Fetched{}, err
		}
		got, err := a.check(partial)
		var wrong *ChecksumError
		if !errors.As(err, &wrong) {
			return got, err
		}
		if err := discard(partial); err != nil {
			return Fetched{}, err
		}
		if !resumed || !ranges { // only a file from two answers gets a second chance
			wrong.From = source
			return Fetched{}, wrong
		}
	}
}

// locate returns the URL or the local file to fetch from.
func locate(a archive, from string) (source string, local bool) {
	switch {
	case from == "":
		return a.url, false
	case strings.HasPrefix(from, "http://"), strings.HasPrefix(from, "https://"):
		if strings.HasSuffix(from, "/") {
			from += a.name
		}
		return from, false
	}
	from = strings.TrimPrefix(from, "file://")
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		from = filepath.Join(from, a.name)
	}
	return from, true
}

// check returns a *ChecksumError unless the file is the archive. A file of many more bytes is not
// read.
func (a archive) check(file string) (Fetched, error) {
	f, size, err := files.Open(file)
	if err != nil {
		return Fetched{}, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	if size > a.size+slack {
		return Fetched{}, &ChecksumError{From: file, Want: a.sha256, Bytes: size, WantBytes: a.size}
	}
	m, s := md5.New(), sha256.New()
	head := make([]byte, 512)
	k, _ := io.ReadFull(f, head)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Fetched{}, fmt.Errorf("data: %w", err)
	}
	n, err := io.Copy(io.MultiWriter(m, s), f)
	if err != nil {
		return Fetched{}, fmt.Errorf("data: checking %s: %w", file, err)
	}
	got := Fetched{Path: file, Bytes: n, MD5: hex.EncodeToString(m.Sum(nil)), SHA256: hex.EncodeToString(s.Sum(nil))}
	if got.SHA256 == a.sha256 && got.MD5 == a.md5 {
		return got, nil
	}
	e := &ChecksumError{From: file, Want: a.sha256, Have: got.SHA256, Bytes: n, WantBytes: a.size}
	if kind := http.DetectContentType(head[:k]); strings.HasPrefix(kind, "text/") && k > 0 {
		e.Hint = "; it is " + kind + ": a proxy or login page?"
	}
	return Fetched{}, e
}

// copyFile copies a local archive to the partial file. A file of many more bytes is refused before
// the first.
func (a archive) copyFile(ctx context.Context, source, partial string, progress func(done, total int64)) error {
	in, size, err := files.Open(source)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer in.Close()
	if size > a.size+slack {
		return &ChecksumError{From: source, Want: a.sha256, Bytes: size, WantBytes: a.size}
	}
	if err := discard(partial); err != nil {
		return err
	}
	out, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	w := &sink{w: out, total: size, progress: progress, ctx: ctx}
	_, err = io.Copy(w, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("data: copying %s: %w", source, err)
	}
	return nil
}

// sink writes, reports progress, and stops when its context ends.
type sink struct {
	w        io.Writer
	done     int64
	total    int64
	progress func(done, total int64)
	ctx      context.Context
}

func (s *sink) Write(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	n, err := s.w.Write(p)
	s.done += int64(n)
	if s.progress != nil {
		s.progress(s.done, s.total)
	}
	return n, err
}

// publish makes the partial file durable, gives it its name and removes its origin.
func publish(partial, final string) error {
	f, err := os.OpenFile(partial, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(partial, final); err != nil {
		return err
	}
	if err := os.Remove(originFile(partial)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return files.SyncDir(filepath.Dir(final))
}

// discard removes the partial file and its origin.
func discard(partial string) error {
	for _, f := range []string{partial, originFile(partial)} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("data: %w", err)
		}
	}
	return nil
}

// diskError explains a full disk.
func diskError(a archive, dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("no room in %s for %s (%d MB): %w; free some or choose another folder with --dir: what has come so far is kept and resumed",
			dir, a.name, (a.size+999_999)/1_000_000, err)
	}
	return err
}
