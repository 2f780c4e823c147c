package dsl

// Check holds a Spec that was made in Go to the rules of the language, those of the shapes included: it is written as a file and read again. The error
// is Errors, whose lines are those of that text (TOML). A Spec from a Loader has passed.
func (s *Spec) Check() error {
	_, err := new(Loader).Parse(s.Name+".toml", s.TOML())
	return err
}
