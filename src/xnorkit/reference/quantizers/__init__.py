"""Quantizers by plain formula, float64: for each, what it makes of a tensor and what its gradient is.

A weight's functions take the latent ``W (O, ...)`` and speak of ``W~``, the weight the layer computes with; an
activation's take ``x`` and speak of the value ``q * unit``. ``gradient(W, g, ...)`` is dC/dW where ``g = dC/dW~``.

=============  ========================================================================================
``sign``       BinaryConnect, BNN: signs, hard sigmoid, straight-through windows
``xnor``       XNOR-Net, BWN: signs times alpha; k-bit activations q_k
``dorefa``     DoReFa-Net: weights, activations
``linear``     QNN's linear quantizer; int8
``log``        QNN's logarithmic quantizer, AP2
``ternary``    TWN, TTQ
``backward``   quantized gradients: DoReFa's with noise, XNOR-Net's signs times max|g|
``slopes``     what stands for the derivative of sign: Bi-Real, IR-Net (EDE), BNN+, triangle, leaky, tanh
``bireal``     Bi-Real and ReActNet: magnitude-aware weights; thresholds per channel
``xnorpp``     XNOR-Net++: learned scales
``irnet``      IR-Net: Libra-PB weights
``adabin``     AdaBin: two learned or measured values
=============  ========================================================================================
"""
