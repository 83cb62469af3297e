/// What the parts owe that methods, samplers and metrics are made of. Each takes the part as a function, so that a variant of it can be
/// held to the same law.
module DiMum.Conformance.PartLaws

open System
open System.Collections.Generic
open System.IO
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private law id sentence body = Law.over typeof<Generators> 40 id sentence body

let private chosen (mask: Tensor) = floats mask |> Array.map (fun inside -> inside = 1.0)

/// (w, ε_c, ε_∅) ↦ ε̂
let guidance =
    law
        "L9"
        "guidance is Eq. (2): affine in the predictions, and the conditional one at weight 0"
        (fun (combine: Func<float, Tensor, Tensor, Tensor>) (weight: float) (rows: Pairs) ->
            use scope = torch.NewDisposeScope()
            let conditional, unconditional = Array.unzip rows.Get

            for w in [ 0.0; weight ] do
                combine.Invoke(w, vector conditional, vector unconditional)
                |> floats
                |> Expect.allNear 1e-12 (Guidance.combine (Guidance.Weight w) conditional unconditional))

/// (score, ratio) ↦ mask
let saliencyMask =
    law
        "L24"
        "a saliency mask holds the declared share of weights, the most salient"
        (fun (mask: Func<Tensor, float, Tensor>) (scores: NonEmptyArray<float>) (Share ratio) ->
            use scope = torch.NewDisposeScope()
            let scores = scores.Get |> Array.map abs
            Expect.equal (SalUn.mask ratio scores) (chosen (mask.Invoke(vector scores, ratio))))

/// (F_u, F_r, γ) ↦ mask
let ratioMask =
    law
        "L24"
        "SFR-on's mask is (F_u + 1e-15)/(F_r + 1e-15) ≥ γ, weights without any gradient included"
        (fun (mask: Func<Tensor, Tensor, float, Tensor>) (rows: Pairs) (Share gamma) ->
            use scope = torch.NewDisposeScope()
            let square = Array.map (fun g -> truncate g * truncate g)
            let forget, retain = Array.unzip rows.Get
            let forget, retain = square forget, square retain
            Expect.equal (SfrOn.mask gamma forget retain) (chosen (mask.Invoke(vector forget, vector retain, gamma))))

/// The clipped gradient of the guided loss of one batch, both branches differentiated, and the loss.
let guidedGradient weight clip (scene: Scene) (draws: Loss.Draw<int>[]) =
    let loss theta =
        let predict condition draw =
            Loss.predict scene.Table (Toy.net theta) { draw with Condition = condition draw }

        let guided draw =
            Guidance.combine (Guidance.Weight weight) (predict _.Condition draw) (predict (fun _ -> -1) draw)

        Loss.squaredError Loss.SumPerImage (draws |> Array.map _.Noise) (Array.map guided draws)

    Clip.toNorm clip (Gradient.central loss scene.Theta), loss scene.Theta

let private gradientLaw sentence (made: float[] list -> float[]) =
    law "L24" sentence (fun (values: Func<Lib.Guidance, Lib.UnlearningContext, Lib.Pairing, Tensor>) (scene: Scene) ->
        use scope = torch.NewDisposeScope()
        use model = new ToyDenoiser(scene.Theta)
        let context = Components.context model (Components.schedule scene.Schedule) (Components.listed scene) 1.0
        let perBatch = scene.Draws.Unlearning |> Array.map (fun draw -> guidedGradient 2.0 1.0 scene [| draw |])
        let tolerance = 1e-7 * (1.0 + Array.sumBy snd perBatch)

        values.Invoke(Lib.Guidance.ByWeight 2.0, context, context.Forget)
        |> floats
        |> Expect.allNear tolerance (perBatch |> Array.map fst |> List.ofArray |> made))

/// (guidance, context, pairing) ↦ |Σ_batches g|
let saliency = gradientLaw "saliency is the size of the sum of the clipped guided batch gradients" SalUn.saliency

/// (guidance, context, pairing) ↦ F
let fisher = gradientLaw "Fisher values are the mean of the squared clipped guided batch gradients" SfrOn.fisher

/// (shadow, θ, μ) ↦ shadow
let average =
    law
        "L34"
        "the moving average forgets its start by the rate to the power of the steps"
        (fun (update: Func<Tensor, Tensor, float, Tensor>) (rows: Pairs) (Share rate) (steps: PositiveInt) ->
            use scope = torch.NewDisposeScope()
            let start, theta = Array.unzip rows.Get
            let steps = 1 + steps.Get % 5

            let after =
                (vector start, [ 1..steps ])
                ||> List.fold (fun shadow _ -> update.Invoke(shadow, vector theta, rate))

            Array.map2 (fun s p -> p + (rate ** float steps) * (s - p)) start theta
            |> fun expected -> Expect.allNear 1e-12 expected (floats after))

/// (draws, B, T) ↦ t
let antithetic =
    law
        "L10"
        "antithetic times are the draws and then their mirrors T−1−t, as many as the batch"
        (fun (complete: Func<Tensor, int, int, Tensor>) (draws: NonEmptyArray<NonNegativeInt>) (steps: PositiveInt) ->
            use scope = torch.NewDisposeScope()
            let drawn = draws.Get |> Array.map (fun t -> t.Get % steps.Get)
            let size = 2 * drawn.Length - 1

            complete.Invoke(integers drawn, size, steps.Get)
            |> wholes
            |> Expect.equal (Timesteps.complete Timesteps.Antithetic steps.Get size drawn))

/// x in [−1, 1] ↦ bytes
let pixels =
    law
        "L41"
        "pixels become bytes within half a step of their value, whatever else is in the image"
        (fun (toBytes: Func<Tensor, Tensor>) (image: NonEmptyArray<float>) ->
            use scope = torch.NewDisposeScope()
            let values = image.Get |> Array.map (fun x -> x / 8.0)
            let clipped = values |> Array.map (max -1.0 >> min 1.0)

            let back =
                toBytes.Invoke(shaped [| 1L; 1L; 1L; int64 values.Length |] values)
                |> floats
                |> Array.map (fun b -> 2.0 * b / 255.0 - 1.0)

            for x, y in Array.zip clipped back do
                Expect.holds $"{x} came back as {y}" (abs (x - y) <= 1.0 / 255.0 + 1e-6))

/// File ↦ uint8 [C,H,W]
let colours =
    law "L40" "an image that is written and read keeps its channels" (fun (read: Func<string, Tensor>) (a: byte) (b: byte) (c: byte) ->
        World.inFolder (fun folder ->
            use scope = torch.NewDisposeScope()
            let path = Path.Combine(folder, "one.png")
            let values = [| for v in [ a; b; c ] -> Array.create 4 (float v) |] |> Array.concat
            let image = (shaped [| 1L; 3L; 2L; 2L |] values).to_type torch.ScalarType.Byte
            Lib.ImageWriter.Grid(image, 1, 1, path)
            let inside = (read.Invoke path).narrow(-2L, 1L, 2L).narrow(-1L, 1L, 2L) // the sheet has a gap of one pixel around
            Expect.equal values (floats inside)))

/// (file, network, average) fills the network.
let averagedFile =
    law
        "L43"
        "a model file gives the weights, and their average where it is asked for"
        (fun (read: Action<string, Lib.ParameterVector, bool>) (seed: PositiveInt) ->
            World.inFolder (fun folder ->
                use scope = torch.NewDisposeScope()
                let path = Path.Combine(folder, "model.safetensors")
                let theta = Array.init Toy.parameters (fun i -> cos (float (seed.Get + i)))
                let shadow = theta |> Array.map (fun p -> p / 2.0)
                use model = new ToyDenoiser(theta)
                use other = new ToyDenoiser(Array.zeroCreate Toy.parameters)
                Lib.ModelFile.Write(path, model.Parameters, vector shadow, Dictionary<string, string>())

                for average, expected in [ false, theta; true, shadow ] do
                    read.Invoke(path, other.Parameters, average)
                    Expect.equal expected (floats other.Parameters.Values)))

/// (reference M, gradient g) ↦ projected g
let projection =
    law
        "L27"
        "after Scissorhands' projection the gradient does not go against the reference"
        (fun (project: Func<float[], float[], float[]>) (rows: Pairs) ->
            let reference, gradient = Array.unzip rows.Get
            let after = project.Invoke(reference, gradient)
            let regulariser = 1e-3 * Vector.norm gradient
            Expect.holds $"⟨g, M⟩ = {Vector.dot after reference}" (Vector.dot after reference >= -regulariser))

/// The target's two forms, each (η, ε(c), ε(∅)) ↦ target.
type EsdForms =
    { FromNull: Func<float, float[], float[], float[]>
      FromConcept: Func<float, float[], float[], float[]> }

let esdForms =
    law "L29" "ESD's form from the concept at 1 + η is its form from ∅ at η" (fun forms (rows: Pairs) (eta: float) ->
        let concept, nothing = Array.unzip rows.Get

        forms.FromConcept.Invoke(1.0 + eta, concept, nothing)
        |> Expect.allNear 1e-11 (forms.FromNull.Invoke(eta, concept, nothing)))

/// (logits [N,3], labels [N], k) ↦ number of hits
let topHits =
    law
        "L39"
        "a hit is a label among the k highest, for the k that is asked"
        (fun (hits: Func<Tensor, Tensor, int, int64>) (rows: NonEmptyArray<float * float * float>) ->
            use scope = torch.NewDisposeScope()
            let rows = rows.Get |> Array.map (fun (a, b, c) -> [| a; b; c |])
            let logits = shaped [| int64 rows.Length; 3L |] (Array.concat rows)

            for label in 0..2 do
                for k in 1..3 do
                    let expected = rows |> Array.filter (Rate.hit k label) |> Array.length

                    Expect.equal
                        (int64 expected)
                        (hits.Invoke(logits, torch.full ([| int64 rows.Length |], wholeScalar label, dtype = torch.ScalarType.Int64), k)))

/// a − b of two measured numbers
let comparison =
    law
        "L42"
        "numbers measured in unlike ways do not compare, and like ones do"
        (fun (difference: Func<Lib.Measured, Lib.Measured, float>) (a: float) (b: float) ->
            let number value metric = Lib.Measured(value, 100L, value, value, metric, "a model")

            Expect.equal (a - b) (difference.Invoke(number a "FID", number b "FID"))

            let refused =
                try
                    difference.Invoke(number a "FID", number b "FID, resized otherwise") |> ignore
                    false
                with :? InvalidOperationException ->
                    true

            Expect.holds "a number of another metric was compared" refused)

/// (data, unlearned classes) ↦ D_u and D_r
type Splits =
    { Forget: Func<Lib.Dataset, IReadOnlySet<int>, Lib.Pairing>
      Retain: Func<Lib.Dataset, IReadOnlySet<int>, Lib.Pairing> }

let splits =
    law "L19" "forget and retain set are disjoint and together the data" (fun (splits: Splits) (seed: PositiveInt) ->
        use data = World.data (int64 seed.Get)
        let forget = splits.Forget.Invoke(data, World.unlearned).ImageIndex
        let retain = splits.Retain.Invoke(data, World.unlearned).ImageIndex
        Expect.equal [ 0L .. 23L ] (Seq.append forget retain |> Seq.sort |> List.ofSeq))

/// One step of DDIM with η = 1, by number of steps, beside ancestral sampling.
let etaOne =
    law
        "L7"
        "DDIM with η = 1 is ancestral sampling with the small variance"
        (fun (sampler: SamplerLaws.CheckedSampler) (recipe: Recipe) (seed: int) ->
            use scope = torch.NewDisposeScope()
            let schedule = Components.schedule recipe
            let start = shaped [| 1L; 1L; 1L; 2L |] [| cos (float seed); 0.4 |]

            let run (sampler: Lib.Sampler) =
                let mutable asked = 0

                let noise =
                    Lib.NoiseSource(fun shape ->
                        asked <- asked + 1
                        shaped (shape.ToArray()) [| cos (float asked); sin (float asked) |])

                let guided = Lib.GuidedNoise(fun x t -> x.mul (scalar (0.1 + 0.2 * cos (float t))))
                floats (sampler.Run(schedule, start, guided, noise))

            run (Lib.Ancestral(Steps = recipe.Steps))
            |> fun expected -> Expect.allNear 1e-7 expected (run (sampler.Invoke recipe.Steps)))
