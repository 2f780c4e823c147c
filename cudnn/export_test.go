package cudnn

// Thread is a call of C that does next to nothing.
var Thread = thread
