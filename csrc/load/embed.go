package load

import "embed"

// Other packages' C code includes the headers of this folder. Go's build cache does not look at
// headers outside a package's own folder (golang/go#24355): a changed constant here would leave
// cudnn and cudnn/cuda as they were. Embedded, the headers are part of this package's archive. The
// archive changes with them, and its importers are built again.
//
//go:embed *.h
var _ embed.FS
