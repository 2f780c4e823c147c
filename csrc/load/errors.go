package load

import (
	"fmt"
	"strings"
)

// NotFoundError says that a library is in none of the searched places.
type NotFoundError struct {
	Library string   // the searched names, such as "libnvrtc.so.13 or libnvrtc.so.12"
	What    string   // its purpose, in words
	Tried   []string // the searched places, in order
	Remedy  string   // the user's next step
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s (%s) not found; looked in %s. To fix it: %s; or name its folder in SHAKE_LIBRARY_PATH",
		e.Library, e.What, strings.Join(e.Tried, ", "), e.Remedy)
}

// OpenError says that a file exists but cannot be opened as a library of this machine.
type OpenError struct {
	Library string
	Path    string // the file, or a bare name that the loader looked up
	Reason  string
	Remedy  string
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("%s cannot be opened: %s. To fix it: %s", e.Path, e.Reason, e.Remedy)
}

// SymbolError says that a library was opened but lacks functions: it is of another version, or not
// the library of its name.
type SymbolError struct {
	Library string
	Path    string
	Symbols []string // the missing ones
	Remedy  string
}

func (e *SymbolError) Error() string {
	return fmt.Sprintf("%s lacks %s: it is too old, or not what its name says. To fix it: %s", e.Path, some(e.Symbols, 4), e.Remedy)
}

// some lists the first n names and the number of the others.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
