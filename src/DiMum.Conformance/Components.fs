/// One record per schedule, sampler and method: the library's side beside the specification's. The laws loop over these lists, and one law
/// says that no named schedule and no registered method is missing, so a new one gets every law by one record.
module DiMum.Conformance.Components

open System
open DiMum.Spec
open TorchSharp
open Tensors

type ScheduleCase =
    { Name: string
      Library: int -> Lib.NoiseSchedule
      Spec: int -> Schedule.Table }

/// Under its default constants, by number of steps.
let schedules =
    [ { Name = "linear"
        Library = fun steps -> Lib.NoiseSchedule.Named["linear"].Invoke steps
        Spec = Schedule.linear 1e-4 2e-2 }
      { Name = "cosine"
        Library = fun steps -> Lib.NoiseSchedule.Named["cosine"].Invoke steps
        Spec = Schedule.cosine }
      { Name = "scaled-linear"
        Library = fun steps -> Lib.NoiseSchedule.Named["scaled-linear"].Invoke steps
        Spec = Schedule.scaledLinear 0.00085 0.012 }
      { Name = "constant"
        Library = fun steps -> Lib.NoiseSchedule.Constant steps
        Spec = Schedule.constant 2e-2 }
      { Name = "jsd"
        Library = fun steps -> Lib.NoiseSchedule.Jsd steps
        Spec = Schedule.jsd }
      { Name = "sigmoid"
        Library = fun steps -> Lib.NoiseSchedule.Sigmoid steps
        Spec = Schedule.sigmoid 1e-4 2e-2 } ]

/// A recipe as the library's schedule.
let schedule recipe =
    match recipe with
    | Linear(first, last, steps) -> Lib.NoiseSchedule.Linear(steps, first, last)
    | ScaledLinear(first, last, steps) -> Lib.NoiseSchedule.ScaledLinear(steps, first, last)
    | Cosine steps -> Lib.NoiseSchedule.Cosine steps
    | Constant(beta, steps) -> Lib.NoiseSchedule.Constant(steps, beta)

/// Every reduction of the ε-loss: the specification's and the library's.
let reductions = [ Loss.SumPerImage, Lib.LossReduction.SumPerImage; Loss.MeanAll, Lib.LossReduction.MeanAll ]

type SamplerCase =
    { Name: string
      Library: int -> Lib.TimeSkip -> bool -> Lib.Sampler
      Move: Reverse.Range -> Schedule.Table -> int -> int -> float[] -> float[] -> float[] -> float[] }

let ddim eta =
    { Name = $"DDIM η={eta}"
      Library = fun steps skip clip -> Lib.Ddim(Steps = steps, Skip = skip, ClipClean = clip, Eta = eta)
      Move = Reverse.ddim eta }

let private ancestral variance sigma =
    { Name = $"ancestral {variance}"
      Library = fun steps skip clip -> Lib.Ancestral(Steps = steps, Skip = skip, ClipClean = clip, Variance = variance)
      Move = Reverse.ancestral sigma }

let samplers =
    [ ddim 0.0
      ddim 0.35
      ddim 1.0
      ancestral Lib.ReverseVariance.Small Schedule.Small
      ancestral Lib.ReverseVariance.Large Schedule.Large ]

/// The benign condition of the toy classes.
let benign c = (c + 1) % Toy.classes

type MethodCase =
    {
        Name: string
        /// The pairing of the unlearning term, if there is one.
        Unlearns: string option
        /// Whether the specification's unlearning term is a target of the current network.
        Relabels: bool
        /// Whether that target is of the network as it was prepared.
        Frozen: bool
        /// Whether the retain term follows a frozen network instead of the noise (Eq. 4).
        Taught: bool
        /// The losses of the first iteration's updates as functions of θ; what is held constant comes from the first argument.
        Losses: Loss.Balance -> Scene -> float[] -> (float[] -> float) list
    }

let private net = Toy.net

let private bothSums: Loss.Both<Loss.Reduction> = { Retain = Loss.SumPerImage; Unlearning = Loss.SumPerImage }

/// SFR-on's λ in these laws.
let lambda = 0.5

let private sfrOn (balance: Loss.Balance) (scene: Scene) held =
    let perImage theta =
        scene.Draws.Unlearning
        |> Array.map (fun draw -> Loss.eps Loss.SumPerImage scene.Table (net theta) [| draw |])

    let weights = SfrOn.weights lambda (perImage held)
    let alpha = SfrOn.cosine balance.Unlearning 0 10

    [ fun theta -> -alpha * SfrOn.adaptive weights (perImage theta)
      fun theta -> balance.Retain * Loss.eps Loss.SumPerImage scene.Table (net theta) scene.Draws.Retain ]

/// EraseDiff's K in these laws.
let passes = 2

let private relabelled reduction balance (scene: Scene) held theta =
    Loss.relabel reduction balance scene.Table benign (net held) (net theta) scene.Draws

let private towardsBenign = relabelled bothSums { Retain = 0.0; Unlearning = 1.0 }

let private retainLoss (scene: Scene) theta = Loss.eps Loss.SumPerImage scene.Table (net theta) scene.Draws.Retain

/// θ does not move between the updates here, so the inner losses are all the same. Without a weight there is no inner loop.
let private eraseDiff (balance: Loss.Balance) (scene: Scene) held =
    let forget = towardsBenign scene held
    let inner = if balance.Unlearning = 0.0 then [] else List.replicate passes forget
    let average = if inner.IsEmpty then 0.0 else forget held

    inner
    @ [ fun theta -> EraseDiff.objective balance.Unlearning (balance.Retain * retainLoss scene theta) (forget theta) average ]

/// With one step of denoising there is none before the only visited time, 0: x_T is looked at as it is.
let private esd (balance: Loss.Balance) (scene: Scene) held =
    let draws = scene.Draws.Unlearning
    let predict theta condition (draw: Loss.Draw<int>) = net theta draw.Noise 0 (condition draw.Condition)

    let target draw =
        Esd.target (Esd.FromNull 1.0) (predict held id draw) (predict held (fun _ -> -1) draw)

    let erased theta =
        Loss.squaredError Loss.SumPerImage (Array.map target draws) (draws |> Array.map (predict theta id))

    [ fun theta -> balance.Unlearning * erased theta + balance.Retain * retainLoss scene theta ]

/// The toy's fresh weights are zeros.
let private badTeacher (balance: Loss.Balance) (scene: Scene) held =
    let taught teacher draws theta =
        Loss.towards Loss.SumPerImage scene.Table (Loss.predict scene.Table (net teacher)) (net theta) draws

    let nothing = Array.zeroCreate Toy.parameters

    [ fun theta ->
          balance.Retain * taught held scene.Draws.Retain theta
          + balance.Unlearning * taught nothing scene.Draws.Unlearning theta ]

let private retainOnly name =
    { Name = name
      Unlearns = None
      Relabels = false
      Frozen = false
      Taught = false
      Losses = fun _ scene _ -> [ fun theta -> Loss.eps Loss.SumPerImage scene.Table (net theta) scene.Draws.Retain ] }

let methods =
    [ { Name = "DiMUM"
        Unlearns = Some "memorization"
        Relabels = false
        Frozen = false
        Taught = false
        Losses = fun balance scene _ -> [ fun theta -> Loss.dimum Loss.SumPerImage balance scene.Table (net theta) scene.Draws ] }
      { Name = "SalUn"
        Unlearns = Some "forget"
        Relabels = true
        Frozen = false
        Taught = false
        Losses = fun balance scene held -> [ relabelled SalUn.reduction balance scene held ] }
      { Name = "SFR-on"
        Unlearns = Some "forget"
        Relabels = false
        Frozen = false
        Taught = false
        Losses = sfrOn }
      { Name = "EraseDiff"
        Unlearns = Some "forget"
        Relabels = false
        Frozen = false
        Taught = false
        Losses = eraseDiff }
      { Name = "Scissorhands"
        Unlearns = Some "forget"
        Relabels = false
        Frozen = false
        Taught = false
        Losses = fun balance scene held -> [ relabelled bothSums balance scene held ] }
      { Name = "ESD"
        Unlearns = Some "forget"
        Relabels = false
        Frozen = true
        Taught = false
        Losses = esd }
      { Name = "concept-ablation"
        Unlearns = Some "memorization"
        Relabels = false
        Frozen = false
        Taught = false
        Losses = fun balance scene held -> [ relabelled bothSums balance scene held ] }
      { Name = "gradient-ascent"
        Unlearns = Some "forget"
        Relabels = false
        Frozen = false
        Taught = false
        Losses = fun balance scene _ -> [ fun theta -> Loss.ascent bothSums balance scene.Table (net theta) scene.Draws ] }
      { Name = "bad-teacher"
        Unlearns = Some "forget"
        Relabels = false
        Frozen = true
        Taught = true
        Losses = badTeacher }
      retainOnly "fine-tune-retain"
      retainOnly "retrain" ]

/// The library's method of a case in a reading, with or without its mask; a UserError where there is no such reading.
let createAs (reading: Lib.MethodReading) (case: MethodCase) masked (balance: Loss.Balance) =
    Lib.MethodRegistry.Create(
        Lib.MethodSettings(
            Name = case.Name,
            Reading = reading,
            Retain = balance.Retain,
            Unlearning = balance.Unlearning,
            MaskRatio = (if masked then 0.5 else 0.0),
            Gamma = (if masked then 1.0 else 0.0),
            Lambda = lambda,
            InnerPasses = passes,
            Sparsity = 1.0,
            ProjectEvery = (if masked then 1 else 0),
            DenoisingSteps = 1
        )
    )

/// As published.
let create case masked balance = createAs Lib.MethodReading.AsPublished case masked balance

/// A context whose pairings carry names and nothing else; the batches come from the source.
let context (model: Lib.ITrainableDenoiser) schedule (source: Lib.IBatchSource) clip =
    let named name = Lib.Pairing.Of(name, torch.zeros (1L, 1L, 1L, 1L), torch.zeros (1L))

    let next (condition: Lib.Condition) =
        Lib.Condition(condition.Value.add(wholeScalar 1).remainder(wholeScalar Toy.classes))

    Lib.UnlearningContext(
        model,
        schedule,
        source,
        named "forget",
        named "retain",
        named "memorization",
        Func<_, _, _>(fun condition _ -> next condition),
        10,
        clip
    )

/// The scene's draws, the same at every step; a pass over a pairing gives them image by image.
let listed (scene: Scene) =
    let draws name =
        if name = "retain" then scene.Draws.Retain else scene.Draws.Unlearning

    ListedBatches((fun name _ -> draws name), (fun name -> draws name |> Array.map Array.singleton |> List.ofArray))

/// The same, refusing any pairing that is not the method's.
let listedFor (case: MethodCase) (scene: Scene) =
    let draws name =
        if name = "retain" then scene.Draws.Retain
        elif Some name = case.Unlearns then scene.Draws.Unlearning
        else failwith $"{case.Name} reads the {name} set"

    ListedBatches((fun name _ -> draws name), (fun name -> [ draws name ]))

/// Loss and gradient of an update at the model's θ.
let differentiate (model: Lib.ITrainableDenoiser) (loss: unit -> Tensor) =
    use scope = torch.NewDisposeScope()
    model.Parameters.ZeroGradient()
    let value = loss ()
    value.backward ()
    number value, floats model.Parameters.Gradient
