// Command folder builds the emulator and prints the folder of its libraries, for
// SHAKE_LIBRARY_PATH.
package main

import (
	"fmt"
	"os"

	"shake/csrc/emu"
)

func main() {
	folder, err := emu.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(folder)
}
