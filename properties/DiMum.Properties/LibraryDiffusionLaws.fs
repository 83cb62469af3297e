/// The library computes what the specification says: schedules, Eqs. (1) to (3), time draws, whole trajectories.
module DiMum.Properties.LibraryDiffusionLaws

open System
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

let private unzip (rows: Pairs) = Array.unzip rows.Get

[<Test; Category "L1">]
let ``every named schedule and every registered method has its record here`` () =
    let recorded = Components.schedules |> List.map _.Name |> Set
    Expect.equal Set.empty (Set Lib.NoiseSchedule.Named.Keys - recorded)
    Expect.equal (Set Lib.MethodRegistry.Names) (Components.methods |> List.map _.Name |> Set)

let private sameSchedule (spec: Schedule.Table) (library: Lib.NoiseSchedule) =
    Expect.equal spec.Beta.Length library.Steps
    Expect.allNear 1e-12 spec.Beta (library.Beta.ToArray())
    Expect.allNear 1e-12 spec.AlphaBar (library.AlphaBar.ToArray())

    for t in [ -1; 0; library.Steps - 1 ] do
        Expect.near 1e-12 (Schedule.alphaBar spec t) (library.AlphaBarAt t)

[<Law("L1", 20)>]
let ``every schedule of the library is the specification's`` (steps: PositiveInt) =
    for case in Components.schedules do
        for count in [ steps.Get + 1; 1000 ] do
            sameSchedule (case.Spec count) (case.Library count)

[<Law "L1">]
let ``every schedule of the library is the specification's at any constants`` (recipe: Recipe) =
    sameSchedule recipe.Table (Components.schedule recipe)

[<Law("L1", 50)>]
let ``the library rounds alpha-bar once, to what the caller asks for`` (moment: Moment) =
    use scope = torch.NewDisposeScope()
    let schedule = Components.schedule moment.Recipe
    let bar = schedule.AlphaBar[moment.Time]
    let times = integers [| moment.Time |]
    Expect.equal [| bar |] (floats (schedule.AlphaBarOf(times, float64)))
    Expect.equal [| float (Operators.float32 bar) |] (floats (schedule.AlphaBarOf times))

[<Law "L3">]
let ``the library's forward process is Eq. (1)`` (scene: Scene) =
    use scope = torch.NewDisposeScope()
    let schedule = Components.schedule scene.Schedule
    let draws = scene.Draws.Retain
    let expected = draws |> Array.collect (fun d -> Forward.noised scene.Table d.Time d.Image d.Noise)
    let given = batch draws

    let noised (dtype: torch.ScalarType) =
        Lib.ForwardProcess.Noised(schedule, given.Clean.to_type dtype, given.Time, given.Noise.to_type dtype)

    Expect.equal given.Clean.shape (noised float64).shape
    Expect.allNear 1e-12 expected (floats (noised float64))
    Expect.allNear 2e-6 expected (floats (noised float32))

[<Law "L9">]
let ``the library's guidance is Eq. (2) by weight and by scale`` (number: float) (rows: Pairs) =
    use scope = torch.NewDisposeScope()
    let conditional, unconditional = unzip rows
    let combine (guidance: Lib.Guidance) = floats (guidance.Combine(vector conditional, vector unconditional))
    let by strength = Guidance.combine strength conditional unconditional
    Expect.allNear 1e-12 (by (Guidance.Weight number)) (combine (Lib.Guidance.ByWeight number))
    Expect.allNear 1e-11 (by (Guidance.Scale number)) (combine (Lib.Guidance.ByScale number))
    Expect.near 1e-12 (number + 1.0) (Lib.Guidance.ByWeight number).Scale
    Expect.equal conditional (combine Lib.Guidance.None)
    Expect.equal conditional (combine (Lib.Guidance.ByScale 1.0))

[<Test; Category "L9">]
let ``without guidance the unconditional prediction is not looked at, whatever it is`` () =
    use scope = torch.NewDisposeScope()
    let conditional = [| 1.0; -2.0; 0.5 |]
    let nothing = vector [| nan; infinity; -infinity |]
    Expect.equal conditional (floats (Lib.Guidance.None.Combine(vector conditional, nothing)))

[<Test; Category "L1">]
let ``a schedule without any β, or with one outside 0…1, is refused`` () =
    for betas in [ [||]; [| -0.1 |]; [| 0.1; 1.1 |]; [| 1.1; 0.1 |]; [| nan |] ] do
        let refused =
            try
                Lib.NoiseSchedule.Of("none", betas) |> ignore
                false
            with :? ArgumentException ->
                true

        Expect.holds $"%A{betas} was accepted" refused

    Expect.equal [| 0.0; 1.0 |] ((Lib.NoiseSchedule.Of("ends", [| 0.0; 1.0 |])).Beta.ToArray())

[<Test; Category "L1">]
let ``a schedule of one step has its first β`` () =
    Expect.equal [| 0.1 |] ((Lib.NoiseSchedule.Linear(1, 0.1, 0.2)).Beta.ToArray())
    Expect.equal [| 0.1 |] ((Lib.NoiseSchedule.Constant(1, 0.1)).Beta.ToArray())

/// One step of a run, as its callbacks saw it.
type private Seen =
    { From: int
      To: int
      Noisy: float[]
      Predicted: float[]
      Noise: float[]
      Reached: float[] }

/// Runs a sampler with the toy prediction sin(x + t) and listed noises.
let private watch (sampler: Lib.Sampler) schedule (start: float[]) (noises: float[][]) =
    use scope = torch.NewDisposeScope()
    let shape = [| 1L; 1L; 1L; int64 start.Length |]
    let before = ResizeArray<int * float[] * float[]>()
    let after = ResizeArray<int * float[]>()

    let predict (x: Tensor) t =
        let noisy = floats x
        let predicted = noisy |> Array.map (fun value -> sin (value + float t))
        before.Add(t, noisy, predicted)
        shaped shape predicted

    let last =
        sampler.Run(
            schedule,
            shaped shape start,
            Lib.GuidedNoise(fun x t -> predict x t),
            Lib.NoiseSource(fun _ -> shaped shape noises[before.Count - 1]),
            Action<_, _>(fun reached x -> after.Add(reached, floats x))
        )

    Expect.equal (snd after[after.Count - 1]) (floats last)

    [ for k in 0 .. before.Count - 1 do
          let from, noisy, predicted = before[k]
          let target, reached = after[k]

          { From = from
            To = target
            Noisy = noisy
            Predicted = predicted
            Noise = noises[k]
            Reached = reached } ]

let private noises (seed: int) count pixels =
    let random = Random seed
    Array.init count (fun _ -> Array.init pixels (fun _ -> 4.0 * random.NextDouble() - 2.0))

let private range clip = if clip then Reverse.Within 1.0 else Reverse.Unbounded

let private stepsAsSpecified (case: Components.SamplerCase) (recipe: Recipe) count skip clip (start: float[]) seed =
    let schedule = Components.schedule recipe
    let steps = watch (case.Library count skip clip) schedule start (noises seed (recipe.Steps + 1) start.Length)

    for step in steps do
        let amplification = 1.0 / sqrt recipe.Table.AlphaBar[step.From]

        case.Move (range clip) recipe.Table step.From step.To step.Noisy step.Predicted step.Noise
        |> fun expected -> Expect.allNear (1e-11 * amplification) expected step.Reached

    steps |> List.map (fun step -> step.From, step.To)

[<Law("L7", 40)>]
let ``every step of every sampler is the specification's, clipped or not, at any number of steps``
    (recipe: Recipe)
    (count: PositiveInt)
    (clip: bool)
    (start: NonEmptyArray<float>)
    (seed: int)
    =
    let count = count.Get % recipe.Steps + 1

    for case in Components.samplers do
        stepsAsSpecified case recipe count Lib.TimeSkip.Uniform clip start.Get seed
        |> Expect.equal (Reverse.transitions -1 (Reverse.uniformTimes recipe.Steps count))

[<Law("L7", 40)>]
let ``DDIM at any eta is the specification's, at quadratically spaced times too``
    (recipe: Recipe)
    (Share eta)
    (count: PositiveInt)
    (seed: int)
    =
    let count = count.Get % (recipe.Steps - 1) + 2
    let visited = stepsAsSpecified (Components.ddim eta) recipe count Lib.TimeSkip.Quadratic false [| 0.5; -1.0 |] seed

    // The two sides round u² differently; only there may a floor differ.
    let exact k =
        (sqrt (0.8 * float recipe.Steps) * float k / float (count - 1)) ** 2.0

    let onTheEdge k = abs (exact k - round (exact k)) < 1e-9

    List.iteri2
        (fun i (from, _) expected ->
            Expect.holds $"time {from} at place {i}, expected {expected}" (from = expected || onTheEdge (count - 1 - i)))
        visited
        (Reverse.quadraticTimes recipe.Steps count)

/// A counterexample that the law above found: 7 of 1000 visited only 7 times, and 600 of 1000 began at time 599.
[<TestCase(1000, 7, 8, 994)>]
[<TestCase(1000, 600, 1000, 999)>]
[<TestCase(1000, 100, 100, 990)>]
[<Category "L7">]
let ``uniform times reach the top of the schedule, whether the steps divide it or not`` (total: int) (steps: int) (count: int) (last: int) =
    let times = Lib.Ddim(Steps = steps).Times total
    Expect.equal (count, last) (times.Count, times[times.Count - 1])
    Expect.equal (Reverse.uniformTimes total steps) (times |> Seq.rev |> List.ofSeq)

[<Law("L7", 20)>]
let ``a whole run of every sampler ends where the specification ends`` (count: PositiveInt) (clip: bool) (seed: int) =
    let recipe = Linear(1e-4, 2e-2, 60)
    let start = [| 0.3; -1.7; 1.1 |]
    let moves = Reverse.transitions -1 (Reverse.uniformTimes recipe.Steps (count.Get % recipe.Steps + 1))
    let noises = noises seed moves.Length start.Length

    for case in Components.samplers do
        let sampler = case.Library (count.Get % recipe.Steps + 1) Lib.TimeSkip.Uniform clip
        let predict x t = x |> Array.map (fun value -> sin (value + float t))

        Reverse.sample (case.Move (range clip) recipe.Table) predict (List.ofArray noises) moves start
        |> fun expected -> Expect.allNear 1e-8 expected (List.last (watch sampler (Components.schedule recipe) start noises)).Reached

[<Law("L8", 20)>]
let ``no sampler of the library asks for noise at its last step, and DDIM with eta 0 never`` (recipe: Recipe) (count: PositiveInt) =
    let count = count.Get % recipe.Steps + 1

    for case in Components.samplers do
        use scope = torch.NewDisposeScope()
        let sampler = case.Library count Lib.TimeSkip.Uniform false
        let shape = [| 1L; 1L; 1L; 1L |]
        let drawn = ref 0

        sampler.Run(
            Components.schedule recipe,
            shaped shape [| 1.0 |],
            Lib.GuidedNoise(fun _ _ -> shaped shape [| 0.0 |]),
            Lib.NoiseSource(fun _ ->
                drawn.Value <- drawn.Value + 1
                shaped shape [| 0.0 |])
        )
        |> ignore

        let steps = (Reverse.uniformTimes recipe.Steps count).Length
        Expect.equal (if case.Name = (Components.ddim 0.0).Name then 0 else steps - 1) drawn.Value

[<Law "L10">]
let ``the library completes its time draws as the specification does`` (steps: PositiveInt) (size: PositiveInt) (seed: int) =
    use scope = torch.NewDisposeScope()
    let random = Random seed
    let half = Array.init (Timesteps.needed Timesteps.Antithetic size.Get) (fun _ -> random.Next steps.Get)

    Lib.Timesteps.Complete(integers half, size.Get, steps.Get)
    |> wholes
    |> Expect.equal (Timesteps.complete Timesteps.Antithetic steps.Get size.Get half)

[<Law("L10", 50)>]
let ``the library's times lie below T and come from the generator alone`` (steps: PositiveInt) (size: PositiveInt) (seed: PositiveInt) =
    use scope = torch.NewDisposeScope()

    for draw in [ Lib.TimestepDraw.Uniform; Lib.TimestepDraw.Antithetic ] do
        let times () =
            use generator = (Lib.Seed(int64 seed.Get)).Generator()
            Lib.Timesteps.Draw(draw, size.Get, steps.Get, generator) |> wholes

        let drawn = times ()
        Expect.equal size.Get drawn.Length
        Expect.holds $"{drawn}" (drawn |> Array.forall (fun t -> 0 <= t && t < steps.Get))
        Expect.equal drawn (times ())

[<Law("L10", 50)>]
let ``uniform times are as many draws as images, antithetic ones half as many and one, and their mirrors``
    (steps: PositiveInt)
    (size: PositiveInt)
    (seed: PositiveInt)
    =
    use scope = torch.NewDisposeScope()
    let seed = Lib.Seed(int64 seed.Get)

    for library, spec in [ Lib.TimestepDraw.Uniform, Timesteps.Uniform; Lib.TimestepDraw.Antithetic, Timesteps.Antithetic ] do
        use first = seed.Generator()
        use second = seed.Generator()
        let count = int64 (Timesteps.needed spec size.Get)

        torch.randint (0L, int64 steps.Get, [| count |], torch.ScalarType.Int64, generator = first)
        |> wholes
        |> Timesteps.complete spec steps.Get size.Get
        |> fun expected -> Expect.equal expected (Lib.Timesteps.Draw(library, size.Get, steps.Get, second) |> wholes)

let private generated (weight: float) (size: int) (conditions: int64[]) (seed: int64) =
    use model = new ToyDenoiser([| 0.3; 0.1; 0.05; -0.05; 0.1 |])
    let sampler = Lib.Ddim(Steps = 5, Eta = 1.0)
    let generation = Lib.Generation(World.schedule, sampler, Lib.Guidance.ByWeight weight, size)
    let images = generation.Images(model, conditions, struct (1, 2, 2), Lib.Seed seed)
    Expect.equal true (model :> Lib.IDenoiser).Training
    images

[<Law("L22", 10)>]
let ``a generated batch depends on its own conditions, the seed and its place alone`` (seed: PositiveInt) (w: float) =
    use scope = torch.NewDisposeScope()
    let whole = generated w 2 [| 0L; 1L; 2L |] (int64 seed.Get)
    Expect.equal [| 3L; 1L; 2L; 2L |] whole.shape
    Expect.equal (bits (generated w 2 [| 0L; 1L |] (int64 seed.Get))) (bits (whole.narrow (0L, 0L, 2L)))
    let other = generated w 2 [| 0L; 1L; 0L |] (int64 seed.Get)
    Expect.equal (bits (other.narrow (0L, 0L, 2L))) (bits (whole.narrow (0L, 0L, 2L)))
    Expect.holds "another condition gives the same image" (bits other <> bits whole)

[<Test; Category "L47">]
let ``generating leaves its images and nothing else`` () =
    leavesNothing "generation" (fun () ->
        for weight in [ 0.0; 2.0 ] do
            (generated weight 2 [| 0L; 1L; 2L |] 5L).Dispose())
