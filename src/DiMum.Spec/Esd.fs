/// ESD (Gandikota et al. 2023; rohitgandikota/erasing @ 25613d2 and its older code): erase by negative guidance of a frozen copy.
module DiMum.Spec.Esd

/// The two forms found in the released code. FromConcept (1 + η) is FromNull η.
type Form =
    | FromNull of eta: float
    | FromConcept of eta: float

/// The target of Eq. (6)'s second term, from the frozen ε₀:
///   FromNull η:     ε₀(∅) − η · (ε₀(c) − ε₀(∅))        (the paper, η = 1)
///   FromConcept η:  ε₀(c) − η · (ε₀(c) − ε₀(∅))        (the newer code, η = 2)
let target form (concept: float[]) (nullPrediction: float[]) =
    match form with
    | FromNull eta -> Array.map2 (fun c u -> u - eta * (c - u)) concept nullPrediction
    | FromConcept eta -> Array.map2 (fun c u -> c - eta * (c - u)) concept nullPrediction
