static const sk_conv_kernels SK_(conv) = {0};
