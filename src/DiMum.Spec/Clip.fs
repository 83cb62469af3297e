/// Clipping of a gradient by its global norm.
module DiMum.Spec.Clip

/// g ← g · min(1, c / (‖g‖ + 1e-6)), the norm over all parameters together
let toNorm maximum (gradient: float[]) =
    Vector.scale (min 1.0 (maximum / (Vector.norm gradient + 1e-6))) gradient
