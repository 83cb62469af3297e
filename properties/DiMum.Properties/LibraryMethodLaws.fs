/// Masks, weights and update rules of the library's methods; each law runs over every registered method where it has a meaning for it.
module DiMum.Properties.LibraryMethodLaws

open System
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private unzip (rows: Pairs) = Array.unzip rows.Get
let private chosen (mask: Tensor) = floats mask |> Array.map (fun inside -> inside = 1.0)

[<Law "L24">]
let ``the library's top mask is the specification's, ties, none and all included`` (scores: NonEmptyArray<float>) (Share ratio) =
    use scope = torch.NewDisposeScope()

    for scores in [ scores.Get |> Array.map abs; scores.Get |> Array.map (round >> abs) ] do
        for ratio in [ 0.0; ratio; 1.0 ] do
            let mask = Lib.SalUn.TopMask(vector scores, ratio)
            Expect.holds "a mask of other than 0 and 1" (floats mask |> Array.forall (fun m -> m = 0.0 || m = 1.0))
            Expect.equal (SalUn.mask ratio scores) (chosen mask)

[<Law "L16">]
let ``SFR-on's weights in the library sum to one and are the specification's over the batch size``
    (losses: NonEmptyArray<PositiveInt>)
    (Share lambda)
    =
    use scope = torch.NewDisposeScope()
    let losses = losses.Get |> Array.map (fun loss -> float loss.Get / 7.0)
    let weights = floats (Lib.SfrOn.Weights(vector losses, lambda))
    Expect.near 1e-12 1.0 (Array.sum weights)
    Expect.allNear 1e-12 (SfrOn.weights lambda losses) (Vector.scale (float losses.Length) weights)

    Lib.SfrOn.AdaptiveLoss(vector losses, lambda)
    |> number
    |> Expect.near 1e-12 (SfrOn.adaptive (SfrOn.weights lambda losses) losses)

[<Law "L16">]
let ``SFR-on's coefficient in the library is the specification's`` (alpha: float) (step: NonNegativeInt) (steps: PositiveInt) =
    let step = step.Get % steps.Get

    let method decay =
        Lib.SfrOn(Lib.Balance(1.0, alpha), decay, 0.5, Nullable(), Lib.Guidance.None)

    Expect.near 1e-13 (SfrOn.cosine alpha step steps.Get) ((method true).Alpha(step, steps.Get))
    Expect.equal alpha ((method false).Alpha(step, steps.Get))

[<Law "L24">]
let ``SFR-on's ratio mask in the library is the specification's`` (rows: Pairs) (gamma: PositiveInt) =
    use scope = torch.NewDisposeScope()
    let forget, retain = unzip rows
    let square = Array.map (fun g -> round g * round g)
    let forget, retain = square forget, square retain

    for gamma in [ 1.0; float gamma.Get / 4.0 ] do
        Lib.SfrOn.RatioMask(vector forget, vector retain, gamma)
        |> chosen
        |> Expect.equal (SfrOn.mask gamma forget retain)

let private guidance = 2.0

[<Law("L24", 40)>]
let ``saliency and Fisher values are made of the clipped guided gradients of each batch`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0
    let strength = Lib.Guidance.ByWeight guidance

    let gradients draws =
        let perBatch =
            draws
            |> Array.map (fun draw -> PartLaws.guidedGradient guidance 1.0 scene [| draw |])
            |> List.ofArray

        let tolerance = 1e-7 * (1.0 + List.sumBy snd perBatch)
        List.map fst perBatch, tolerance

    let forget, tolerance = gradients scene.Draws.Unlearning

    (Lib.SalUn(Lib.Balance(1.0, 1.0), Nullable 0.5, strength)).Saliency context
    |> floats
    |> Expect.allNear tolerance (SalUn.saliency forget)

    let sfrOn = Lib.SfrOn(Lib.Balance(1.0, 1.0), true, 0.5, Nullable 1.0, strength)
    Expect.allNear tolerance (SfrOn.fisher forget) (floats (sfrOn.Fisher(context, context.Forget)))
    let retain, tolerance = gradients scene.Draws.Retain
    Expect.allNear tolerance (SfrOn.fisher retain) (floats (sfrOn.Fisher(context, context.Retain)))

/// What a rule's updates make of a gradient.
let private transformed (rule: Lib.IUpdateRule) (gradient: float[]) =
    [ for update in rule.Updates 0 do
          let flat = vector gradient
          update.Transform.Apply flat
          floats flat ]

[<Law("L24", 60)>]
let ``SalUn clips and then masks, SFR-on masks and then clips, in the library as in the specification``
    (scene: Scene)
    (rows: NonEmptyArray<float * bool>)
    =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0
    let gradient, mask = Array.unzip rows.Get

    let flat () =
        vector (mask |> Array.map (fun inside -> if inside then 1.0 else 0.0))

    let balance = Lib.Balance(1.0, 1.0)
    use salUn = (Lib.SalUn(balance, Nullable 0.5, Lib.Guidance.None)).Rule(context, flat ())
    use sfrOn = (Lib.SfrOn(balance, true, 0.5, Nullable 1.0, Lib.Guidance.None)).Rule(context, flat ())
    let near expected actual = List.iter2 (Expect.allNear 1e-12) expected actual
    near [ SalUn.transform 1.0 mask gradient ] (transformed salUn gradient)
    near [ SfrOn.transform 1.0 mask gradient; Clip.toNorm 1.0 gradient ] (transformed sfrOn gradient)

[<Law("L24", 20)>]
let ``a method without a mask clips and does nothing else`` (scene: Scene) (gradient: NonEmptyArray<float>) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0

    for case in Components.methods do
        use rule = (Components.create case false (Loss.lambda 1.0)).Prepare context

        for after in transformed rule gradient.Get do
            Expect.allNear 1e-12 (Clip.toNorm 1.0 gradient.Get) after

let private settings = Lib.TrainerSettings(10, Lib.LearningRate 0.01)

let private trained steps (model: Lib.ITrainableDenoiser) rule =
    use trainer = new Lib.Trainer(model, rule, settings, Lib.Seed 3L)

    for _ in 1..steps do
        trainer.Step() |> ignore

    floats model.Parameters.Values

[<Law("L23", 40)>]
let ``under SalUn a weight outside the mask keeps its bits`` (scene: Scene) (rows: NonEmptyArray<bool>) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0
    let mask = Array.init Toy.parameters (fun i -> rows.Get[i % rows.Get.Length])
    let flat = vector (mask |> Array.map (fun inside -> if inside then 1.0 else 0.0))
    use rule = (Lib.SalUn(Lib.Balance(1.0, 1.0), Nullable 0.5, Lib.Guidance.None)).Rule(context, flat)
    let after = trained 4 model rule

    for i in 0 .. mask.Length - 1 do
        if not mask[i] then
            Expect.equal scene.Theta[i] after[i]

[<Law("L23", 40)>]
let ``under SFR-on the mask holds the ascent only: the retain step moves every weight that has a gradient`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    use model = new ToyDenoiser(scene.Theta)
    let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0
    let nothing = vector (Array.zeroCreate Toy.parameters)
    use rule = (Lib.SfrOn(Lib.Balance(1.0, 1.0), true, 0.5, Nullable 1.0, Lib.Guidance.None)).Rule(context, nothing)
    let after = trained 1 model rule
    let gradient = Toy.gradient Loss.SumPerImage scene.Table _.Noise scene.Theta scene.Draws.Retain

    for i in 0 .. Toy.parameters - 1 do
        if gradient[i] = 0.0 then
            Expect.equal scene.Theta[i] after[i]
        elif abs gradient[i] > 1e-3 then
            Expect.holds $"weight {i} of gradient {gradient[i]} stays" (after[i] <> scene.Theta[i])

/// Descent by the specification's parts along a gradient known by hand.
let private descend steps (gradient: float[] -> float[]) (theta: float[]) =
    let once (theta, state) _ =
        gradient theta |> Clip.toNorm 1.0 |> Adam.step (Adam.standard 0.01) state theta

    List.fold once (theta, Adam.start theta.Length) [ 1..steps ] |> fst

[<Law("L32", 40)>]
let ``the trainer under DiMUM is Algorithm 1, and under DiMRA the attack, step for step`` (scene: Scene) (Share weight) =
    use scope = torch.NewDisposeScope()
    let schedule = Components.schedule scene.Schedule
    let slope draws theta = Toy.gradient Loss.SumPerImage scene.Table _.Noise theta draws

    let run (rule: Lib.ITrainableDenoiser -> Lib.UnlearningContext -> Lib.IUpdateRule) =
        use model = new ToyDenoiser(scene.Theta)
        use rule = rule model (Components.context model schedule (Components.listed scene) 1.0)
        trained 4 model rule

    let both theta =
        Vector.add (slope scene.Draws.Retain theta) (Vector.scale weight (slope scene.Draws.Unlearning theta))

    run (fun _ context -> (Lib.DiMumMethod(Lib.Balance(1.0, weight))).Prepare context)
    |> Expect.allNear 1e-6 (descend 4 both scene.Theta)

    run (fun model context -> Lib.DiMRA.Rule(model, schedule, context.Batches, context.Retain, 1.0))
    |> Expect.allNear 1e-6 (descend 4 (slope scene.Draws.Retain) scene.Theta)

[<Law("L25", 2)>]
let ``preparing any method leaves the weights, the gradient and the mode as they are, and gives the same rule twice`` (seed: PositiveInt) =
    let seed = int64 seed.Get
    use data = World.data seed

    for case in Components.methods do
        use scope = torch.NewDisposeScope()
        use model = World.unet 0.1 seed
        let before = bits model.Parameters.Values
        let method = Components.create case true (Loss.lambda 0.5)

        let gradients () =
            use rule = method.Prepare(World.context model data (World.batches seed))
            Expect.holds $"{case.Name}: weights moved" (before = bits model.Parameters.Values)
            Expect.holds $"{case.Name}: a gradient is left" (floats model.Parameters.Gradient |> Array.forall (fun g -> g = 0.0))
            Expect.holds $"{case.Name}: dropout is off" (model :> Lib.IDenoiser).Training

            [ for update in rule.Updates 0 do
                  model.SeedDropout(Lib.Seed 1L)
                  model.Parameters.ZeroGradient()
                  update.Loss.Invoke().backward()
                  update.Transform.Apply model.Parameters.Gradient
                  bits model.Parameters.Gradient
              model.Parameters.ZeroGradient() ]

        let first = gradients ()
        Expect.holds $"{case.Name}: another rule the second time" (first = gradients ())
