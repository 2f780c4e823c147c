// conv_panel.h: a plan as kernels read it: panels of output blocks, and the terms of their sums.
#ifndef SK_CONV_PANEL_H
#define SK_CONV_PANEL_H
#include <stdint.h>

// The lanes of two blocks that are connected at a tap: one more than the highest of each side,
// 0 where nothing is connected.
typedef struct {
  unsigned char inputs;
  unsigned char outputs;
} sk_conv_connection;

// One tap of one input block: `inputs` channels of it.
typedef struct {
  int64_t weight_at;  // float of the plan's weights: [inputs][blocks of the panel][16]
  int32_t x_at;       // float of the staged or transformed image
  int32_t inputs;
  int32_t block;  // the input block
} sk_conv_term;

// Neighbouring output blocks with the same terms.
typedef struct {
  int block0;  // first output block
  int blocks;  // at most SK_PANEL_BLOCKS
  int term0;   // first term of the plan
  int terms;
} sk_conv_panel;

enum { SK_PANEL_BLOCKS = 2 };  // of the widest panel

// Panels begin .. end-1 of a plan.
typedef struct {
  int begin;
  int end;
} sk_conv_panels;

// One direction of a convolution. A data gradient with stride has panels for each phase of the
// output position, panel[i*phases + phase].
typedef struct {
  int panels;  // of each phase
  int phases;
  sk_conv_panel *panel;  // [panels*phases]
  sk_conv_term *term;    // of all panels, one after another
  float *weights;        // packed; transformed ones [element][floats]
  int64_t floats;        // of the packed weights, of one element if transformed
  int64_t all_floats;    // of all elements
  int64_t *weight_at;    // [output block][input block][tap] float of their weights; -1: none
  int *panel_blocks;     // [output block] blocks of its panel
} sk_conv_plan;
#endif
