/// The library's metrics against the specification's.
module DiMum.Properties.LibraryMetricLaws

open System
open NUnit.Framework
open FsCheck
open MathNet.Numerics.LinearAlgebra
open TorchSharp
open DiMum.Spec
open Tensors

let private moments (rows: float[][]) =
    let moments = Lib.FeatureMoments rows[0].Length

    if rows.Length > 0 then
        moments.Add(Matrix<float>.Build.DenseOfRowArrays rows)

    moments

let private tolerance (clouds: Clouds) =
    let size (rows: float[][]) = (rows |> Array.sumBy (fun x -> Vector.dot x x)) / float rows.Length
    1e-6 * (1.0 + size clouds.A + size clouds.B)

[<Law "L36">]
let ``the library's Fréchet distance is the specification's`` (clouds: Clouds) =
    let a, b = moments clouds.A, moments clouds.B
    let spec = Frechet.moments clouds.A
    Expect.allNear 1e-11 spec.Mean (a.Mean.ToArray())
    Expect.allNear 1e-9 (spec.Covariance |> Seq.cast<float> |> Array.ofSeq) (a.Covariance.ToArray() |> Seq.cast<float> |> Array.ofSeq)

    (Lib.Frechet a).To(b.Mean, b.Covariance)
    |> Expect.near (tolerance clouds) (Frechet.distance spec (Frechet.moments clouds.B))

[<Law "L37">]
let ``moments of two halves added are the whole's, and taken away again the other half's`` (clouds: Clouds) =
    let whole = moments (Array.append clouds.A clouds.B)
    let sum = (moments clouds.A).Plus(moments clouds.B)

    let same (expected: Lib.FeatureMoments) (actual: Lib.FeatureMoments) =
        Expect.equal expected.Count actual.Count
        Expect.allNear 1e-10 (expected.Mean.ToArray()) (actual.Mean.ToArray())
        Expect.allNear 1e-8 (expected.Covariance.ToColumnMajorArray()) (actual.Covariance.ToColumnMajorArray())

    same whole sum
    same (moments clouds.A) (sum.Plus(moments clouds.B, -1))

let private rows (cloud: float[][]) =
    torch.tensor(Array.concat cloud).reshape(int64 cloud.Length, int64 cloud[0].Length)

[<Law "L36">]
let ``the library's KID is the specification's`` (clouds: Clouds) =
    use scope = torch.NewDisposeScope()
    let expected = Kid.distance clouds.A clouds.B

    let size =
        Kid.kernel clouds.A[0] clouds.A[0]
        + Seq.sumBy (fun (x: float[]) -> abs (Kid.kernel x x)) (Seq.append clouds.A clouds.B)

    Expect.near (1e-12 * (1.0 + size)) expected (Lib.KernelDistance.Unbiased(rows clouds.A, rows clouds.B))

[<Law("L36", 20)>]
let ``over all ways to split one set into halves the library's KID is zero on average: it is unbiased`` (clouds: Clouds) =
    use scope = torch.NewDisposeScope()
    let set = Array.truncate 6 (Array.append clouds.A clouds.B)

    let halves =
        [ for i in 0..3 do
              for j in i + 1 .. 4 do
                  for k in j + 1 .. 5 do
                      [ i; j; k ] ]

    let distance half =
        let inside, outside = set |> Array.indexed |> Array.partition (fun (i, _) -> List.contains i half)
        Lib.KernelDistance.Unbiased(rows (Array.map snd inside), rows (Array.map snd outside))

    let size = set |> Array.sumBy (fun x -> abs (Kid.kernel x x))
    Expect.equal 20 halves.Length
    Expect.near (1e-12 * (1.0 + size)) 0.0 (List.averageBy distance halves)

[<Law "L36">]
let ``the library's precision and recall are the specification's`` (clouds: Clouds) =
    use scope = torch.NewDisposeScope()
    let k = 2
    let struct (precision, recall) = Lib.Manifold.Compare(rows clouds.A, rows clouds.B, k, "m", "o")
    Expect.equal (PrecisionRecall.precision k clouds.A clouds.B) precision.Value
    Expect.equal (PrecisionRecall.recall k clouds.A clouds.B) recall.Value

[<Law "L36">]
let ``an Inception Score is exp of the mean divergence from the mean, however the images are batched`` (clouds: Clouds) =
    use scope = torch.NewDisposeScope()
    let logits = clouds.A

    let softmax (x: float[]) =
        let e = x |> Array.map (fun v -> exp (v - Array.max x))
        e |> Array.map (fun v -> v / Array.sum e)

    let p = logits |> Array.map softmax
    let q = Array.init logits[0].Length (fun j -> p |> Array.averageBy (fun x -> x[j]))

    let divergence x =
        Array.map2 (fun a b -> if a > 0.0 then a * log (a / b) else 0.0) x q |> Array.sum

    let expected = exp (p |> Array.averageBy divergence)

    for size in [ 1; 3; logits.Length ] do
        let score = Lib.InceptionScore.InSplits(int64 logits.Length, 1)

        for batch in Array.chunkBySize size logits do
            score.Add(rows batch)

        let struct (mean, deviation) = score.Result
        Expect.near (1e-9 * expected) expected mean
        Expect.equal 0.0 deviation

[<Law "L39">]
let ``the library's accuracy rate and its interval are the specification's``
    (count: NonNegativeInt)
    (misses: NonNegativeInt)
    (Share confidence)
    =
    let n = count.Get + misses.Get + 1

    for confidence in [ 0.95; confidence ] do
        let low, high = Rate.interval confidence count.Get n
        let struct (l, h) = Lib.AccuracyRate.Interval(int64 count.Get, int64 n, confidence)
        Expect.near 1e-12 low l
        Expect.near 1e-12 high h
        let measured = Lib.AccuracyRate.Of(int64 count.Get, int64 n, "m", "o", confidence)
        Expect.equal (Rate.value count.Get n) measured.Value
        Expect.equal (l, h) (measured.Low, measured.High)

[<Law "L42">]
let ``numbers of unlike metrics do not compare`` (a: float) (b: float) (same: bool) =
    let measured value metric = Lib.Measured(value, 1L, value, value, metric, "model")
    let other = measured b (if same then "m" else "n")

    let difference =
        try
            Some((measured a "m").DifferenceFrom other)
        with :? InvalidOperationException ->
            None

    Expect.equal (if same then Some(a - b) else None) difference

[<Test; Category "L41">]
let ``every byte survives the way to the model and back`` () =
    use scope = torch.NewDisposeScope()
    let bytes = (torch.arange (256L)).to_type(torch.ScalarType.Byte).reshape(1L, 1L, 16L, 16L)
    let there = Lib.Pixels.ToModel bytes
    Expect.equal (bits bytes) (bits (Lib.Pixels.ToBytes there))
    Expect.equal (-1.0, 1.0) (Array.min (floats there), Array.max (floats there))

[<Law("V8", 3)>]
let ``the classifier's features and labels do not depend on the batch size`` (seed: PositiveInt) =
    use scope = torch.NewDisposeScope()
    use generator = (Lib.Seed(int64 seed.Get)).Generator()
    use classifier = new Lib.ImageClassifier(Lib.ClassifierConfig(3, 1, [| 8; 16 |]), torch.CPU, generator)
    let images = torch.randn ([| 7L; 1L; 8L; 8L |], generator = generator)

    let features size =
        Lib.ClassifierTraining.Features(classifier, images, size)
        |> Seq.collect (fun rows -> Seq.cast<float> rows)
        |> Array.ofSeq

    Expect.equal (7 * classifier.FeatureCount) (features 7).Length
    Expect.allNear 1e-5 (features 7) (features 2)
    Expect.equal (Lib.ClassifierTraining.Predict(classifier, images, 7)) (Lib.ClassifierTraining.Predict(classifier, images, 3))
