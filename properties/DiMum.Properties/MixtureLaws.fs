/// The closed form of a Gaussian mixture: checked against integrals and derivatives, and the library against it.
module DiMum.Properties.MixtureLaws

open System
open TorchSharp
open DiMum.Spec
open Tensors

/// A mixture of one to a few components in the plane; of each row the numbers make a mean and a weight.
let private mixtureOf (rows: Pairs) (Share sigma) : Mixture.Mixture =
    let heavy = rows.Get |> Array.map (fun (a, b) -> 0.5 + abs (a - b) / 10.0)

    { Means = rows.Get |> Array.map (fun (a, b) -> [| a / 5.0; b / 5.0 |])
      Sigma = sigma
      Weights = heavy |> Array.map (fun w -> w / Array.sum heavy) }

/// The same on a line.
let private onALine (mixture: Mixture.Mixture) =
    { mixture with
        Means = mixture.Means |> Array.map (Array.take 1) }

/// A point that x_t may well be: from the mean of a component, √ᾱ μ + s · (a, b)/5.
let private pointOf table (mixture: Mixture.Mixture) t (a: float) (b: float) =
    let spread = sqrt (Mixture.variance table mixture t)
    let middle = Vector.scale (sqrt (Schedule.alphaBar table t)) mixture.Means[0]
    Array.map2 (fun m z -> m + spread * z / 5.0) middle (Array.take middle.Length [| a; b |])

let private logDensity table (mixture: Mixture.Mixture) t x =
    let variance = Mixture.variance table mixture t

    let exponents =
        mixture.Means
        |> Array.map2
            (fun weight mean ->
                let away = Vector.subtract x (Vector.scale (sqrt (Schedule.alphaBar table t)) mean)
                log weight - Vector.dot away away / (2.0 * variance))
            mixture.Weights

    let most = Array.max exponents
    most + log (exponents |> Array.sumBy (fun e -> exp (e - most)))

[<Law("L57", 60)>]
let ``the best denoiser is the score of x_t, times the noise's deviation, negative``
    (moment: Moment)
    (rows: Pairs)
    sigma
    (a: float, b: float)
    =
    let mixture, table, t = mixtureOf rows sigma, moment.Table, moment.Time
    let x = pointOf table mixture t a b
    let step = 1e-5 * sqrt (Mixture.variance table mixture t)

    let slope i =
        let moved sign = x |> Array.mapi (fun j v -> if i = j then v + sign * step else v)
        (logDensity table mixture t (moved 1.0) - logDensity table mixture t (moved -1.0)) / (2.0 * step)

    let expected = Array.init 2 (fun i -> -(sqrt (1.0 - Schedule.alphaBar table t)) * slope i)
    Expect.allNear 1e-6 expected (Mixture.optimal table mixture x t None)

/// E[1], E[ε], E[ε²] given x_t = x on a line, summed over a fine grid of ε ~ N(0, 1):  p(ε | x) ∝ φ(ε) p₀((x − √(1−ᾱ) ε)/√ᾱ).
let private integrals table (mixture: Mixture.Mixture) t x =
    let alphaBar = Schedule.alphaBar table t
    let width = min 1.0 (sqrt alphaBar * mixture.Sigma / sqrt (1.0 - alphaBar))
    let grid = width / 20.0
    let normal deviation z = exp (-z * z / (2.0 * deviation * deviation)) / deviation

    let density epsilon =
        let clean = (x - sqrt (1.0 - alphaBar) * epsilon) / sqrt alphaBar

        normal 1.0 epsilon
        * (Array.map2 (fun w (m: float[]) -> w * normal mixture.Sigma (clean - m[0])) mixture.Weights mixture.Means
           |> Array.sum)

    let mutable zeroth, first, second = 0.0, 0.0, 0.0

    for i in -(int (12.0 / grid)) .. int (12.0 / grid) do
        let epsilon = float i * grid
        let p = density epsilon
        zeroth <- zeroth + p
        first <- first + p * epsilon
        second <- second + p * epsilon * epsilon

    first / zeroth, second / zeroth

/// The latest time up to the given one at which x_t still tells of x₀, so that the grid is fine enough.
let private telling (moment: Moment) =
    Seq.findBack (fun t -> t = 0 || Schedule.alphaBar moment.Table t > 0.02) [ 0 .. moment.Time ]

[<Law("L57", 30)>]
let ``it is the mean of ε given x_t, and any other prediction costs its squared distance more``
    (moment: Moment)
    (rows: Pairs)
    sigma
    (a: float)
    (other: float)
    =
    let mixture, table, t = onALine (mixtureOf rows sigma), moment.Table, telling moment
    let x = pointOf table mixture t a 0.0
    let mean, square = integrals table mixture t x[0]
    let best = (Mixture.optimal table mixture x t None)[0]
    Expect.near 1e-6 mean best
    let least = Mixture.floorAt table mixture t x
    Expect.near 1e-6 (square - mean * mean) least
    Expect.near 1e-5 (square - 2.0 * other * mean + other * other) (least + (other - best) * (other - best))

[<Law("L57", 60)>]
let ``a single component knows no difference between its class and none, and leaves its floor``
    (moment: Moment)
    (pair: float * float)
    sigma
    (a: float, b: float)
    =
    let mixture, table, t = mixtureOf (FsCheck.NonEmptyArray [| pair |]) sigma, moment.Table, moment.Time
    let x = pointOf table mixture t a b
    Expect.allNear 1e-12 (Mixture.optimal table mixture x t (Some 0)) (Mixture.optimal table mixture x t None)
    let least = Mixture.floor table mixture t
    Expect.near 1e-12 least (Mixture.floorAt table mixture t x)
    Expect.holds $"0 < {least} < 2" (0.0 < least && least < 2.0)
    // σ → 0: ε is known, and nothing is left of the loss.
    let point = { mixture with Sigma = 0.0 }
    let noise = [| a; b |]
    let noised = Forward.noised table t mixture.Means[0] noise
    Expect.allNear 1e-9 noise (Mixture.optimal table point noised t (Some 0))
    Expect.equal 0.0 (Mixture.floor table point t)

[<Law("L57", 60)>]
let ``under none it lies between the components', by their posterior, and components that coincide are one``
    (moment: Moment)
    (rows: Pairs)
    sigma
    (a: float, b: float)
    =
    let mixture, table, t = mixtureOf rows sigma, moment.Table, moment.Time
    let x = pointOf table mixture t a b
    let posterior = Mixture.posterior table mixture t x
    Expect.near 1e-12 1.0 (Array.sum posterior)
    Expect.holds "at least the class's floor" (Mixture.floorAt table mixture t x >= Mixture.floor table mixture t)

    let together =
        { mixture with
            Means = Array.map (fun _ -> mixture.Means[0]) mixture.Means }

    Expect.allNear 1e-12 mixture.Weights (Mixture.posterior table together t x)
    Expect.allNear 1e-9 (Mixture.optimal table together x t (Some 0)) (Mixture.optimal table together x t None)

[<Law("L57", 60)>]
let ``the library's best denoiser and floors are the specification's`` (moment: Moment) (rows: Pairs) sigma (a: float, b: float) =
    use scope = torch.NewDisposeScope()
    let mixture, table, t = mixtureOf rows sigma, moment.Table, moment.Time
    let count = mixture.Weights.Length
    let law = Lib.GaussianMixture(mixture.Means, mixture.Sigma, mixture.Weights)
    let library = Lib.MixtureOptimum(law, Components.schedule moment.Recipe)
    let x = pointOf table mixture t a b
    // Every class, then none.
    let x', t' = Array.replicate (count + 1) x, Array.create (count + 1) t
    let classes = Array.append [| 0 .. count - 1 |] [| 0 |]
    let keep = torch.tensor (Array.init (count + 1) (fun i -> i < count))
    let points = shaped [| int64 (count + 1); 2L; 1L; 1L |] (Array.concat x')
    let predicted = library.Predict(points, integers t', Lib.Condition(integers classes, keep))
    let conditions = List.map Some [ 0 .. count - 1 ] @ [ None ]
    Expect.equal points.shape predicted.shape
    Expect.allNear 1e-9 (conditions |> List.map (Mixture.optimal table mixture x t) |> Array.concat) (floats predicted)
    Expect.near 1e-12 (Mixture.floor table mixture t) (library.Floor t)
    let there = floats (library.FloorAt(points, integers t'))
    Expect.near 1e-9 (Mixture.floorAt table mixture t x) there[0]
