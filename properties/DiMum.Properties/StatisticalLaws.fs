/// The laws that hold with high probability: all of them, in one list.
module DiMum.Properties.StatisticalLaws

open System
open System.Collections.Generic
open NUnit.Framework
open TorchSharp
open DiMum.Spec
open Tensors

let private uniform count = Array.create count (1.0 / float count)

let private counted cells (values: int seq) =
    let counts = Array.zeroCreate cells

    for value in values do
        Expect.holds $"{value} lies outside 0…{cells - 1}" (0 <= value && value < cells)
        counts[value] <- counts[value] + 1

    counts

let private normals (seed: Lib.Seed) (shape: int64[]) : Tensor =
    use generator = seed.Generator()
    torch.randn (shape, dtype = float64, generator = generator)

// Eq. (1)

let private schedule = Lib.NoiseSchedule.Linear(50, 1e-3, 0.1)
let private table = Schedule.linear 1e-3 0.1 50

let private noisedAlike deviation (seed: Lib.Seed) =
    use scope = torch.NewDisposeScope()
    let n = 4000L
    let clean = torch.full ([| n; 1L; 1L; 1L |], scalar 0.7, dtype = float64)

    Chance.all
        [ for t in [ 0; 20; 49 ] do
              let times = integers (Array.create (int n) t)
              let bar = table.AlphaBar[t]

              Lib.ForwardProcess.Noised(schedule, clean, times, normals (seed.At("noise", int64 t)) clean.shape)
              |> floats
              |> Chance.distributed (Chance.normal (0.7 * sqrt bar) (deviation bar)) ]

let private forward =
    Chance.law
        "L3"
        "x_t given x₀ is normal with mean √ᾱ·x₀ and variance 1 − ᾱ"
        (noisedAlike (fun bar -> sqrt (1.0 - bar)))
        (noisedAlike (fun bar -> 1.0 - bar))

// Times

let private drawn kind batch steps (seed: Lib.Seed) =
    use scope = torch.NewDisposeScope()
    use generator = seed.Generator()
    wholes (Lib.Timesteps.Draw(kind, batch, steps, generator))

let private uniformTimes below (seed: Lib.Seed) =
    drawn Lib.TimestepDraw.Uniform 4000 below seed |> counted 10 |> Chance.cells (uniform 10)

let private times = Chance.law "L10" "uniform times fall on each of the T times equally often" (uniformTimes 10) (uniformTimes 9)

let private mirroredTimes mirror (seed: Lib.Seed) =
    let batches = [ for b in 1..1500 -> drawn Lib.TimestepDraw.Antithetic 4 6 (seed.At("batch", int64 b)) |> mirror ]

    Chance.all [ for place in 0..3 -> batches |> List.map (fun (batch: int[]) -> batch[place]) |> counted 6 |> Chance.cells (uniform 6) ]

let private antithetic =
    Chance.law
        "L10"
        "at each place of an antithetic batch every time comes equally often"
        (mirroredTimes id)
        (mirroredTimes (Array.mapi (fun place t -> if place = 3 then min 5 (t + 1) else t))) // T − t for T − 1 − t

// Data

let private pixel (labels: int list) =
    use scope = torch.NewDisposeScope()
    let images = (integers (Array.init labels.Length id)).to_type(torch.ScalarType.Byte).reshape(int64 labels.Length, 1L, 1L, 1L)
    new Lib.Dataset("pixels", images, integers (Array.ofList labels), Array.init 10 string)

let private only (labels: int list) = HashSet labels :> IReadOnlySet<int>

/// (image, condition) of n memorization pairs, one a seed: 4 images of two classes under 4 conditions of two classes.
let private memorized n (seed: Lib.Seed) =
    use data = pixel ([ 0; 0; 1; 1 ] @ [ 2; 2; 3; 3 ])
    let pairing = Lib.Pairing.Memorization(data, only [ 0; 1 ], only [ 2; 3 ])

    [ for k in 1..n do
          use scope = torch.NewDisposeScope()
          let struct (image, condition) = pairing.Read(seed.At("pair", int64 k)).Batch(0L, 1)
          int (number (image.to_type float64)) - 4, int (number (condition.to_type float64)) ]

let private independent change (seed: Lib.Seed) =
    memorized 3000 seed
    |> List.map change
    |> List.map (fun (image, condition) -> 2 * image + condition)
    |> counted 8
    |> Chance.cells (uniform 8)

let private memorization =
    Chance.law
        "L18"
        "image and condition of a memorization pair are independent, each uniform"
        (independent id)
        (independent (fun (image, condition) -> image, (if image < 2 then 0 else condition)))

let private placed change (seed: Lib.Seed) =
    [ for k in 1..3000 -> Lib.ShuffledOrder(6L, seed.At("order", int64 k)).At(0L, 6) |> change |> Array.findIndex ((=) 2L) ]
    |> counted 6
    |> Chance.cells (uniform 6)

let private shuffled =
    Chance.law "L22" "over the seeds an image comes at each place of an epoch equally often" (placed id) (placed Array.sort)

/// What a batch of the world holds, by step; `flip` and `drop` are what is declared.
let private batches rate (seed: Lib.Seed) =
    use data = World.data 1L
    let settings = Lib.DrawSettings(BatchSize = 24, DropProbability = rate, Flip = true)
    let source = Lib.SeededBatches(World.schedule, settings, seed, torch.CPU) :> Lib.IBatchSource
    let pairing = Lib.Pairing.Train data
    let plain = pairing.Read seed

    [ for step in 0..79 do
          use scope = torch.NewDisposeScope()
          let struct (bytes, _) = plain.Batch(int64 step, 24)
          let straight = Lib.Pixels.ToModel bytes
          let batch = source.Next(pairing, step)
          let kept = (nonNull batch.Condition.Keep).to_type(float64).sum() |> number |> int

          let mirrored =
              Seq.init 24 (fun i -> bits batch.Clean[int64 i] <> bits straight[int64 i])
              |> Seq.filter id
              |> Seq.length

          24 - kept, mirrored, floats (batch.Noise.narrow (0L, 0L, 1L)) ]

let private total = 80 * 24

let private dropping rate (seed: Lib.Seed) =
    Chance.share 0.2 (batches rate seed |> List.sumBy (fun (dropped, _, _) -> dropped)) total

let private dropped = Chance.law "L56" "conditions are dropped as often as declared" (dropping 0.2) (dropping 0.3)

let private mirroring change (seed: Lib.Seed) =
    Chance.share 0.5 (batches 0.2 seed |> List.sumBy (fun (_, mirrored, _) -> change mirrored)) total

let private mirrored = Chance.law "L56" "half of the images are mirrored" (mirroring id) (mirroring (fun count -> count * 3 / 4))

let private noise scale (seed: Lib.Seed) =
    batches 0.2 seed
    |> Seq.collect (fun (_, _, noise) -> noise)
    |> Seq.map (fun z -> scale * z)
    |> Array.ofSeq
    |> Chance.distributed (Chance.normal 0.0 1.0)

let private noised = Chance.law "L3" "the noise of a batch is standard normal" (noise 1.0) (noise 1.4)

// Samplers, under the linear ε̂ = a·x: every step is then x ↦ c·x + σ·z, whose c and σ the specification gives.

let private slope = 0.4
let private stops = 10

let private starts (seed: Lib.Seed) = normals (seed.At "start") [| 40000L; 1L; 1L; 1L |]

let private ends (sampler: Lib.Sampler) (seed: Lib.Seed) =
    use scope = torch.NewDisposeScope()
    use generator = (seed.At "noise").Generator()

    let z = Lib.NoiseSource(fun shape -> torch.randn (shape.ToArray(), dtype = float64, generator = generator))

    sampler.Run(schedule, starts seed, Lib.GuidedNoise(fun x _ -> x.mul (scalar slope)), z) |> floats

let private deviation move =
    let times = Lib.Ancestral(Steps = stops).Times 50 |> List.ofSeq |> List.rev

    (1.0, List.pairwise (times @ [ -1 ]))
    ||> List.fold (fun variance (from, into) ->
        let at x z = (move from into [| x |] [| slope * x |] [| z |]: float[])[0]
        let c, sigma = at 1.0 0.0, at 0.0 1.0
        c * c * variance + sigma * sigma)
    |> sqrt

let private gaussian variance (seed: Lib.Seed) =
    let move = Reverse.ancestral Schedule.Large Reverse.Unbounded table

    ends (Lib.Ancestral(Steps = stops, Variance = variance)) seed
    |> Chance.distributed (Chance.normal 0.0 (deviation move))

let private ancestral =
    Chance.law
        "L7"
        "ancestral sampling under a linear prediction ends in the normal distribution that Eq. (3) gives"
        (gaussian Lib.ReverseVariance.Large)
        (gaussian Lib.ReverseVariance.Small)

let private twoSamplers eta (seed: Lib.Seed) =
    Chance.alike (ends (Lib.Ddim(Steps = stops, Eta = eta)) (seed.At "ddim")) (ends (Lib.Ancestral(Steps = stops)) (seed.At "ancestral"))

let private samplers =
    Chance.law "L7" "DDIM with η = 1 ends where ancestral sampling ends, under noise of its own" (twoSamplers 1.0) (twoSamplers 0.0)

// Networks

let private weights scale (seed: Lib.Seed) =
    use scope = torch.NewDisposeScope()
    use network = World.unetOf float64 0.0 seed.Value

    let widest =
        network.Parameters.Entries
        |> Seq.filter (fun e -> e.Init.Kind = Lib.InitKind.Uniform)
        |> Seq.maxBy _.Count

    let bound = widest.Init.Scale

    floats widest.Value
    |> Array.map ((*) scale)
    |> Chance.distributed (fun x -> max 0.0 (min 1.0 ((x + bound) / (2.0 * bound))))

let private born = Chance.law "L5" "weights are born uniform within their bound" (weights 1.0) (weights 0.8)

// Metrics

let private covered confidence (seed: Lib.Seed) =
    let random = Random(int (seed.Value % 2147483647L))

    let hits =
        Seq.init 4000 (fun _ ->
            let n = 5 + random.Next 60
            let truth = random.NextDouble()
            let count = Seq.init n (fun _ -> random.NextDouble()) |> Seq.filter (fun u -> u < truth) |> Seq.length
            let struct (low, high) = Lib.AccuracyRate.Interval(int64 count, int64 n, confidence)
            low <= truth && truth <= high)

    Chance.atLeast 0.95 (hits |> Seq.filter id |> Seq.length) 4000

let private coverage = Chance.law "L39" "the interval of a rate covers it at least as often as declared" (covered 0.95) (covered 0.85)

/// How often the distance of `few` images from many is above that of `more`, all from one distribution.
let private above few more (seed: Lib.Seed) =
    let cloud name n =
        let moments = Lib.FeatureMoments 4
        use rows = normals (seed.At(name, int64 n)) [| int64 n; 4L |]
        moments.Add rows
        moments

    let frechet = Lib.Frechet(cloud "reference" 2000)

    let distance name n =
        let moments = cloud name n
        frechet.To(moments.Mean, moments.Covariance)

    let wins =
        Seq.init 200 (fun k -> distance $"few {k}" few > distance $"more {k}" more)
        |> Seq.filter id
        |> Seq.length

    Chance.atLeast 0.5 wins 200

let private sizes =
    Chance.law "L37" "the Fréchet distance of equal distributions grows when there are fewer images" (above 30 120) (above 120 30)

let private every =
    Chance.only
        [ forward
          times
          antithetic
          memorization
          shuffled
          dropped
          mirrored
          noised
          ancestral
          samplers
          born
          coverage
          sizes ]

/// On a commit; found by trying no other.
let private fixedSeed = 2512_03564L

let laws () =
    [ for law in every -> TestCaseData(law).SetName(law.Sentence).SetCategory law.Id ]

[<TestCaseSource(nameof laws)>]
let ``a statistical law holds on the seed of a commit`` (law: obj) =
    let holds, saw = Chance.check Chance.onCommit (law :?> Chance.StatisticalLaw) fixedSeed
    Assert.That(holds, saw)

let wrong () =
    [ for law in every -> TestCaseData(law).SetName($"a wrong variant is rejected: {law.Sentence}").SetCategory law.Id ]

[<TestCaseSource(nameof wrong)>]
let ``a statistical law rejects its wrong variant`` (law: obj) =
    let holds, saw = Chance.checkWrong (law :?> Chance.StatisticalLaw) fixedSeed
    TestContext.Out.WriteLine saw
    Assert.That(holds, Is.False, saw)

let night () =
    [ for law in every -> TestCaseData(law).SetName($"tonight: {law.Sentence}").SetCategory law.Id ]

[<TestCaseSource(nameof night)>]
[<Category "Nightly">]
let ``a statistical law holds on a fresh seed`` (law: obj) =
    let holds, saw = Chance.check Chance.nightly (law :?> Chance.StatisticalLaw) DateTime.UtcNow.Ticks
    TestContext.Out.WriteLine saw
    Assert.That(holds, saw)

[<Test>]
let ``the false alarms of all statistical laws stay within their budget, and none is outside it`` () =
    Expect.holds "a law is on one list alone" (List.ofSeq Chance.registered = every)
    let count = float Chance.registered.Count
    let commit, night = count * Chance.onCommit, count * Chance.nightly
    // The one stream that a plain `dotnet test` shows.
    TestContext.Error.WriteLine $"{Chance.registered.Count} statistical laws: Σα on a commit {commit:g2}, in a night {night:g2}"
    Assert.That(commit, Is.LessThanOrEqualTo Chance.budgetOnCommit)
    Assert.That(night, Is.LessThanOrEqualTo Chance.budgetNightly)
