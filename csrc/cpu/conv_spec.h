// conv_spec.h: which convolution is asked for, the C side of conv_spec.go.
#ifndef SK_CONV_SPEC_H
#define SK_CONV_SPEC_H
#include <stdint.h>

// A convolution of k output channels from c input channels, by kernels of r rows and s columns.
typedef struct {
  int64_t weight_at;  // float of its weights [k][c/groups][r][s] in the flat parameters
  int x_channel0;     // first channel of x that it reads
  int c;              // channels that it reads
  int y_channel0;     // first channel of y that it writes
  int k;              // channels that it writes
  int groups;
  int r;      // rows of a kernel
  int s;      // columns of a kernel
  int pad_h;  // rows of zeros above and below x
  int pad_w;  // columns of zeros beside x
} sk_conv_part;

// SK_CONV_CHOOSE takes a transform where it pays, SK_CONV_TRANSFORM wherever it can be used.
enum { SK_CONV_CHOOSE, SK_CONV_DIRECT, SK_CONV_TRANSFORM };

// Parts that read one view x with one stride and write one tensor y.
typedef struct {
  int n;       // most images of a call
  int xc;      // channels of x
  int h;       // rows of x
  int w;       // columns of x
  int yc;      // channels of y
  int p;       // rows of y
  int q;       // columns of y
  int stride;  // of rows and columns
  int parts;
  int method;  // SK_CONV_...
} sk_conv_shape;
#endif
