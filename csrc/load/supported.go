package load

import (
	"fmt"
	"slices"
	"strings"
)

// Support gives the versions of a library that this program works with.
type Support struct {
	Library *Library
	Oldest  string // older versions are refused
	// Tried are the versions of make test-nvidia, the oldest first. For the driver it is a
	// stand-in.
	Tried []string
	// Several says that only a run on several cards needs it.
	Several bool
}

// Supported is the one place of versions; a test compares the README's table with it. A driver's
// version is that of the newest CUDA that it runs.
var Supported = []Support{
	{Library: CUDA, Oldest: "12.0", Tried: []string{"12.4", "13.0", "13.5"}},
	{Library: NVRTC, Oldest: "12.4", Tried: []string{"12.4", "13.0", "13.5"}},
	{Library: CUDNN, Oldest: "9.10", Tried: []string{"9.10", "9.19", "9.28"}},
	{Library: NCCL, Oldest: "2.18", Tried: []string{"2.18", "2.28", "2.30"}, Several: true},
}

// VersionError says that a library is older than the oldest supported version.
type VersionError struct {
	Library, Path, Version, Oldest, Remedy string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s is version %s, and %s is the oldest that is supported. To fix it: %s", e.Path, e.Version, e.Oldest, e.Remedy)
}

// Judge says in words whether a version of the library is supported; ok is false if it is not. For
// a library without an entry in Supported, and for an unknown version, words is "".
func Judge(l *Library, version string) (words string, ok bool) {
	i := slices.IndexFunc(Supported, func(s Support) bool { return s.Library.Name == l.Name })
	if i < 0 || version == "" {
		return "", true
	}
	s := Supported[i]
	switch newest := s.Tried[len(s.Tried)-1]; {
	case compareVersions(upTo(version, s.Oldest), s.Oldest) < 0:
		return "not supported: older than " + s.Oldest, false
	case compareVersions(upTo(version, s.Tried[0]), s.Tried[0]) < 0:
		return "supported, but older than any that was tried", true
	case compareVersions(upTo(version, newest), newest) > 0:
		return "newer than any that was tried", true
	}
	return "supported", true
}

// Check finds every library of Supported that a run on one card needs, or on several, and refuses
// versions that are too old, or built for another CUDA than the driver's. Errors: those of Table,
// *VersionError, *BuildError.
func Check(several bool) error {
	driver, major := "", 0
	for _, s := range Supported {
		if s.Several && !several {
			continue
		}
		l := s.Library
		if l == NVRTC && major > 0 {
			l = l.AtMost(major) // as Table opens it
		}
		path, version, err := Look(l)
		if err != nil {
			return err
		}
		if l == CUDA {
			driver = version
			fmt.Sscan(version, &major) // the number before the dot
		}
		if _, ok := Judge(s.Library, version); !ok {
			return &VersionError{Library: s.Library.Name, Path: path, Version: version, Oldest: s.Oldest, Remedy: s.Library.Remedy}
		}
		if err := FitsDriver(l, driver); err != nil {
			return err
		}
	}
	return nil
}

// upTo cuts a version to as many numbers as another has: 9.28.1 for 9.19 to 9.28.
func upTo(version, other string) string {
	parts := strings.Split(version, ".")
	return strings.Join(parts[:min(len(parts), strings.Count(other, ".")+1)], ".")
}
