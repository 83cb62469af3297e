/// Fréchet distance, KID, precision and recall, rates.
module DiMum.Properties.MetricLaws

open DiMum.Spec
open FsCheck
open MathNet.Numerics.Distributions
open MathNet.Numerics.LinearAlgebra

let private frechet a b = Frechet.distance (Frechet.moments a) (Frechet.moments b)

/// Square roots of eigenvalues that are zero but for rounding cost half the digits.
let private tolerance (rows: float[][]) =
    1e-6 * (1.0 + (rows |> Array.sumBy (fun x -> Vector.dot x x)) / float rows.Length)

let private movedBy (shift: float[]) rows = rows |> Array.map (Vector.add shift)

let private shiftOf (like: float[][]) (x: float) = Array.init like[0].Length (fun j -> x + float j)

/// The orthogonal factor of a matrix made from the seed.
let private rotation seed d =
    let random = System.Random seed
    (Matrix.Build.Dense(d, d, fun _ _ -> random.NextDouble() - 0.5)).QR().Q

let private rotate (q: Matrix<float>) rows =
    rows |> Array.map (fun (x: float[]) -> (q * Vector<float>.Build.DenseOfArray x).ToArray())

[<Law "L36">]
let ``a cloud is at Fréchet distance zero from itself`` (clouds: Clouds) = Expect.near (tolerance clouds.A) 0.0 (frechet clouds.A clouds.A)

[<Law "L36">]
let ``the Fréchet distance is symmetric and not negative`` (clouds: Clouds) =
    let there, back = frechet clouds.A clouds.B, frechet clouds.B clouds.A
    let tolerance = max (tolerance clouds.A) (tolerance clouds.B)
    Expect.near tolerance there back
    Expect.holds $"distance {there}" (there >= -tolerance)

[<Law "L36">]
let ``moving a cloud changes its Fréchet distance to itself to the squared shift`` (clouds: Clouds) (x: float) =
    let shift = shiftOf clouds.A x
    Expect.near (tolerance (movedBy shift clouds.A)) (Vector.dot shift shift) (frechet clouds.A (movedBy shift clouds.A))

[<Law "L36">]
let ``moving or rotating both clouds leaves their Fréchet distance`` (clouds: Clouds) (x: float) (seed: int) =
    let tolerance = max (tolerance clouds.A) (tolerance clouds.B)
    let shift = shiftOf clouds.A x
    let q = rotation seed clouds.A[0].Length
    let here = frechet clouds.A clouds.B
    Expect.near (10.0 * tolerance) here (frechet (movedBy shift clouds.A) (movedBy shift clouds.B))
    Expect.near (10.0 * tolerance) here (frechet (rotate q clouds.A) (rotate q clouds.B))

[<Law "L36">]
let ``scaling both clouds by k scales their Fréchet distance by k squared`` (clouds: Clouds) (k: float) =
    let scaled = Array.map (Vector.scale k)
    let tolerance = (1.0 + k * k) * max (tolerance clouds.A) (tolerance clouds.B)
    Expect.near tolerance (k * k * frechet clouds.A clouds.B) (frechet (scaled clouds.A) (scaled clouds.B))

[<Law "L36">]
let ``for commuting covariances the Fréchet distance is the sum of squared differences of standard deviations`` (rows: Pairs) =
    let stdA, stdB = Array.unzip rows.Get
    let d = stdA.Length

    let diagonal (std: float[]) = Array2D.init d d (fun i j -> if i = j then std[i] * std[i] else 0.0)

    let moments std : Frechet.Moments = { Mean = Array.zeroCreate d; Covariance = diagonal std }

    let expected = Array.map2 (fun a b -> (abs a - abs b) ** 2.0) stdA stdB |> Array.sum
    Expect.near 1e-9 expected (Frechet.distance (moments stdA) (moments stdB))

[<Law "L36">]
let ``in two dimensions the Fréchet distance has a closed form, whether the covariances commute or not`` (rows: Pairs) (other: Pairs) =
    let cloud (rows: Pairs) =
        Array.append rows.Get [| 1.0, 0.0; 0.0, 2.0; -1.0, -1.0 |]
        |> Array.map (fun (x, y) -> [| x; y |])
        |> Frechet.moments

    let a, b = cloud rows, cloud other
    let det (s: float[,]) = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
    let trace (s: float[,]) = s[0, 0] + s[1, 1]

    let crossed =
        Seq.sum (
            seq {
                for i in 0..1 do
                    for j in 0..1 -> a.Covariance[i, j] * b.Covariance[j, i]
            }
        )

    let shift = Vector.subtract a.Mean b.Mean

    // The eigenvalues p, q of Σ_a Σ_b: (√p + √q)² = p + q + 2√(pq).
    let root = sqrt (crossed + 2.0 * sqrt (det a.Covariance * det b.Covariance))
    let expected = Vector.dot shift shift + trace a.Covariance + trace b.Covariance - 2.0 * root
    Expect.near (1e-9 * (1.0 + trace a.Covariance + trace b.Covariance)) expected (Frechet.distance a b)

[<Law "L37">]
let ``the Fréchet distance does not see the order of the features`` (clouds: Clouds) =
    Expect.near (tolerance clouds.A) (frechet clouds.A clouds.B) (frechet (Array.rev clouds.A) clouds.B)

[<Law "L36">]
let ``KID is symmetric and blind to order`` (clouds: Clouds) =
    let here = Kid.distance clouds.A clouds.B
    Expect.near 1e-9 here (Kid.distance clouds.B clouds.A)
    Expect.near 1e-9 here (Kid.distance (Array.rev clouds.A) clouds.B)

[<Law "L36">]
let ``KID without its correction for equal pairs is a squared distance: zero on itself, never negative`` (clouds: Clouds) =
    let mean a b = Array.allPairs a b |> Array.averageBy (fun (x, y) -> Kid.kernel x y)
    let biased a b = mean a a + mean b b - 2.0 * mean a b
    let rounding = 1e-9 * (1.0 + mean clouds.A clouds.A + mean clouds.B clouds.B)
    Expect.equal 0.0 (biased clouds.A clouds.A)
    Expect.holds $"{biased clouds.A clouds.B} is below 0" (biased clouds.A clouds.B >= -rounding)

    // What the correction removes: the diagonal's excess over the mean, divided by n − 1.
    let excess (a: float[][]) =
        ((a |> Array.averageBy (fun x -> Kid.kernel x x)) - mean a a) / float (a.Length - 1)

    let unbiased = biased clouds.A clouds.B - excess clouds.A - excess clouds.B
    Expect.near rounding unbiased (Kid.distance clouds.A clouds.B)

[<Law "L36">]
let ``precision of A against itself is 1, of a far cloud 0, and recall is precision the other way round`` (clouds: Clouds) =
    let k = 2
    Expect.equal 1.0 (PrecisionRecall.precision k clouds.A clouds.A)
    let far = clouds.B |> movedBy (Array.create clouds.B[0].Length 1e4)
    Expect.equal 0.0 (PrecisionRecall.precision k clouds.A far)
    Expect.equal 0.0 (PrecisionRecall.recall k clouds.A far)
    Expect.equal (PrecisionRecall.precision k clouds.B clouds.A) (PrecisionRecall.recall k clouds.A clouds.B)

[<Law "L36">]
let ``samples collapsed onto one real point have precision 1 and recall below 1`` (clouds: Clouds) =
    let real = clouds.A |> Array.distinct
    let collapsed = Array.create 5 real[0]
    Expect.equal 1.0 (PrecisionRecall.precision 1 real collapsed)
    Expect.near 1e-12 (1.0 / float real.Length) (PrecisionRecall.recall 1 real collapsed)

[<Law "L39">]
let ``a rate is count over n and lies within its interval, which lies within [0,1]``
    (count: NonNegativeInt)
    (more: PositiveInt)
    (Share confidence)
    =
    let n = count.Get + more.Get - 1 |> max 1
    let lower, upper = Rate.interval confidence count.Get n
    let rate = Rate.value count.Get n
    Expect.near 1e-15 (float count.Get) (rate * float n)
    Expect.holds $"{rate} is not within [{lower}, {upper}]" (0.0 <= lower && lower <= rate && rate <= upper && upper <= 1.0)

[<Law "L39">]
let ``the interval's ends are where the observed count becomes as unlikely as declared``
    (count: PositiveInt)
    (more: PositiveInt)
    (Share confidence)
    =
    let n = count.Get + more.Get
    let tail = (1.0 - confidence) / 2.0
    let lower, upper = Rate.interval confidence count.Get n
    Expect.near 1e-8 tail (1.0 - Binomial.CDF(lower, n, float (count.Get - 1)))
    Expect.near 1e-8 tail (Binomial.CDF(upper, n, float count.Get))

[<Law "L39">]
let ``the interval covers the true rate at least as often as declared`` (Share truth) (n: PositiveInt) (Share confidence) =
    let n = n.Get % 40 + 1

    let covered =
        [ 0..n ]
        |> List.filter (fun count ->
            let lower, upper = Rate.interval confidence count n
            lower <= truth && truth <= upper)
        |> List.sumBy (fun count -> Binomial.PMF(truth, n, count))

    Expect.holds $"covers {covered} of the time, not {confidence}" (covered >= confidence - 1e-9)

[<Law "L39">]
let ``swapping hits and misses mirrors the interval`` (count: NonNegativeInt) (misses: PositiveInt) (Share confidence) =
    let n = count.Get + misses.Get
    let lower, upper = Rate.interval confidence count.Get n
    let mirroredLower, mirroredUpper = Rate.interval confidence misses.Get n
    Expect.near 1e-9 (1.0 - upper) mirroredLower
    Expect.near 1e-9 (1.0 - lower) mirroredUpper
