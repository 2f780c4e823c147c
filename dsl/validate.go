package dsl

// Check holds a Spec that was made in Go to all rules of the language, shapes included: it writes
// the Spec as a file and reads the file again. The error is Errors, with the lines of that file
// (TOML). A Spec from a Loader has passed.
func (s *Spec) Check() error {
	_, err := new(Loader).Parse(s.Name+".toml", s.TOML())
	return err
}
