// conv_spec.h: which convolution is asked for, the C side of conv_spec.go.
#ifndef SK_CONV_SPEC_H
#define SK_CONV_SPEC_H
#include <stdint.h>

// A convolution of k output channels from c input channels, by kernels of r rows and s columns.
typedef struct {
  int64_t weight_at;  // float of its weights [k][c/groups][r][s] in the flat parameters
  int x_channel0, c;  // reads these channels of x
  int y_channel0, k;  // writes these channels of y
  int groups;
  int r, s;
  int pad_h, pad_w;  // rows and columns of zeros around x
} sk_conv_part;

// SK_CONV_CHOOSE takes a transform where it pays, SK_CONV_TRANSFORM wherever it can be used.
enum { SK_CONV_CHOOSE, SK_CONV_DIRECT, SK_CONV_TRANSFORM };

// Parts that read one view x with one stride and write one tensor y.
typedef struct {
  int n;         // most images of a call
  int xc, h, w;  // channels, rows and columns of x
  int yc, p, q;  // channels, rows and columns of y
  int stride;    // of rows and columns
  int parts;
  int method;  // SK_CONV_...
} sk_conv_shape;
#endif
