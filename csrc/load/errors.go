package load

import (
	"fmt"
	"strings"
)

// NotFoundError says that a library is in none of the places looked at.
type NotFoundError struct {
	Library string   // as it was looked for, such as "libnvrtc.so.13 or libnvrtc.so.12"
	What    string   // what it is
	Tried   []string // where, in order
	Remedy  string   // what to do
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s (%s) not found; looked in %s. To fix it: %s; or name its folder in SHAKE_LIBRARY_PATH",
		e.Library, e.What, strings.Join(e.Tried, ", "), e.Remedy)
}

// OpenError says that a file is there but cannot be opened as a library of this machine.
type OpenError struct {
	Library string
	Path    string // the file, or the bare name where the loader looked it up
	Reason  string
	Remedy  string
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("%s cannot be opened: %s. To fix it: %s", e.Path, e.Reason, e.Remedy)
}

// SymbolError says that a library was opened but lacks functions: another version than was wanted, or not the library that its name says.
type SymbolError struct {
	Library string
	Path    string
	Symbols []string // those that are missing
	Remedy  string
}

func (e *SymbolError) Error() string {
	return fmt.Sprintf("%s lacks %s: it is too old, or not what its name says. To fix it: %s", e.Path, some(e.Symbols, 4), e.Remedy)
}

// some lists the first n names, and says how many more there are.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
