/// Concept Ablation (Kumari et al. 2023; nupurkmr9/concept-ablation @ c11fb1b): anchor images under the target prompt.
module DiMum.Spec.ConceptAblation

/// ModelBased: the prediction under the anchor prompt, of the current weights behind a stop-gradient. NoiseBased: the true noise.
type Variant =
    | ModelBased
    | NoiseBased

/// The target for ε_θ(x_t, t, c*), where the draw's condition is c* and `anchor` gives c:
///   ModelBased:  sg[ε_θ(x_t, t, c)]        NoiseBased:  ε
let target variant table anchor (current: Loss.Denoiser<'c>) (draw: Loss.Draw<'c>) =
    match variant with
    | ModelBased -> Loss.predict table current { draw with Condition = anchor draw.Condition }
    | NoiseBased -> draw.Noise

/// L = L_ablate + 0.2 · L_reg, where the optional regularisation is the ε-loss under the anchor prompts (CompVis code)
let withRegularisation (ablation: float) regularisation = ablation + 0.2 * regularisation
