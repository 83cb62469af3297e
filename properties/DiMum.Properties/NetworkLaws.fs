/// Layers: the convolution that works around libtorch's wrong gradients, and parameters at birth.
module DiMum.Properties.NetworkLaws

open System
open NUnit.Framework
open FsCheck
open TorchSharp
open DiMum.Spec
open Tensors

type private Layer =
    { From: int
      Into: int
      Kernel: int
      Stride: int
      Padding: int
      Side: int
      Seed: int64 }

/// Output, input gradient and parameter gradients of a convolution under a random upstream gradient, in the given precision.
let private convolve layer (dtype: torch.ScalarType) =
    use scope = torch.NewDisposeScope()
    let declared = Lib.ParameterDeclarations()

    let conv =
        Lib.Conv(
            Lib.ParameterScope declared,
            int64 layer.From,
            int64 layer.Into,
            int64 layer.Kernel,
            int64 layer.Stride,
            int64 layer.Padding
        )

    use generator = (Lib.Seed layer.Seed).Generator()
    use rounded = new Lib.ParameterVector(declared, torch.CPU, generator, float32)
    let start = floats rounded.Values
    use parameters = new Lib.ParameterVector(declared, torch.CPU, generator, dtype)
    parameters.Load(vector start)
    use draws = (Lib.Seed layer.Seed).At("draws").Generator()
    let shape = [| 2L; int64 layer.From; int64 layer.Side; int64 layer.Side |]
    let x = torch.randn(shape, generator = draws).to_type(dtype).requires_grad_ true
    let y = conv.Forward x
    let upstream = torch.randn(y.shape, generator = draws).to_type dtype
    y.mul(upstream).sum().backward()
    let slope = nonNull x.grad
    [ "output", floats y; "input gradient", floats slope; "parameter gradient", floats parameters.Gradient ]

let private sameInBoth layer =
    List.iter2
        (fun (what, expected: float[]) (_, actual: float[]) ->
            let scale = expected |> Array.fold (fun largest value -> max largest (abs value)) 1.0
            let off = Array.map2 (fun a b -> abs (a - b)) expected actual |> Array.max
            Expect.holds $"{what} of %A{layer} is off by {off} of {scale}" (off <= 2e-5 * scale))
        (convolve layer float64)
        (convolve layer float32)

[<Law("V10", 60)>]
let ``a float32 convolution and its gradients are the float64 ones at any channel counts``
    (a: PositiveInt)
    (b: PositiveInt)
    (seed: PositiveInt)
    =
    let pick = Random seed.Get

    sameInBoth
        { From = pick.Next(1, 71)
          Into = pick.Next(1, 71)
          Kernel = (if pick.Next 4 = 0 then 1 else 3)
          Stride = pick.Next(1, 3)
          Padding = pick.Next 2
          Side = 3 + a.Get % 6
          Seed = int64 b.Get }

/// Channel counts at which libtorch 2.10.0's own convolution is wrong on a processor with AVX-512: each side of its blocks of 16 and 32.
[<TestCase(8, 8, 1)>]
[<TestCase(16, 8, 1)>]
[<TestCase(8, 16, 1)>]
[<TestCase(24, 40, 1)>]
[<TestCase(1, 5, 1)>]
[<TestCase(3, 20, 1)>]
[<TestCase(48, 48, 2)>]
[<TestCase(17, 16, 2)>]
[<TestCase(64, 33, 2)>]
[<TestCase(70, 3, 2)>]
[<Category "V10">]
let ``convolutions about the blocks of libtorch are right`` (from: int) (into: int) (stride: int) =
    sameInBoth
        { From = from
          Into = into
          Kernel = 3
          Stride = stride
          Padding = 2 - stride
          Side = 8
          Seed = 11L }

[<Law("L5", 10)>]
let ``a group normalisation is born with weight one and bias zero, and then normalises``
    (groups: PositiveInt)
    (width: PositiveInt)
    (seed: PositiveInt)
    =
    use scope = torch.NewDisposeScope()
    let groups = groups.Get % 5 + 1
    let channels = int64 (groups * (width.Get % 4 + 1))
    let declared = Lib.ParameterDeclarations()
    let norm = Lib.Norm(Lib.ParameterScope declared, channels, int64 groups)
    use generator = (Lib.Seed(int64 seed.Get)).Generator()
    use parameters = new Lib.ParameterVector(declared, torch.CPU, generator, float64)
    Expect.equal (Array.replicate (int channels) 1.0) (floats parameters["weight"].Value)
    Expect.equal (Array.replicate (int channels) 0.0) (floats parameters["bias"].Value)
    let x = torch.randn ([| 2L; channels; 4L; 4L |], dtype = float64, generator = generator)
    let perGroup = norm.Forward(x).view(2L * int64 groups, -1L)
    Expect.allNear 1e-9 (Array.replicate (2 * groups) 0.0) (floats (perGroup.mean [| 1L |]))
    Expect.allNear 1e-4 (Array.replicate (2 * groups) 1.0) (floats (perGroup.square().mean [| 1L |]))

[<Test; Category "L5">]
let ``every parameter of a new network is finite, norms are one and zero, and the rest lies within its bound`` () =
    use model = World.unet 0.1 3L

    for entry in model.Parameters.Entries do
        let values = floats entry.Value

        if entry.Name.Contains "norm" then
            let born = if entry.Name.EndsWith "weight" then 1.0 else 0.0
            Expect.holds entry.Name (values |> Array.forall (fun value -> value = born))
        elif entry.Init.Kind.ToString() = "Uniform" then
            Expect.holds entry.Name (values |> Array.forall (fun value -> abs value <= entry.Init.Scale))
            Expect.holds $"{entry.Name} is constant" (values.Length = 1 || (Array.distinct values).Length > 1)
        else
            Expect.holds entry.Name (values |> Array.forall Double.IsFinite)

[<Test; Category "L33">]
let ``parameters share the flat vector's memory, and gradients arrive in the flat gradient`` () =
    use scope = torch.NewDisposeScope()
    use model = World.unet 0.0 3L
    let parameters = model.Parameters
    let entry = parameters["conv_in.weight"]
    (parameters.Slice(parameters.Values, entry.Name)).fill_(scalar 0.25) |> ignore
    Expect.holds "another memory" (floats entry.Value |> Array.forall (fun value -> value = 0.25))
    entry.Value.square().sum().backward()
    Expect.holds "no gradient" (floats (parameters.Slice(parameters.Gradient, entry.Name)) |> Array.forall (fun g -> g = 0.5))

    let elsewhere = floats parameters.Gradient |> Array.filter (fun g -> g <> 0.0)
    Expect.equal (int entry.Count) elsewhere.Length

    let covered = parameters.Entries |> Seq.sumBy _.Count
    Expect.equal parameters.Count covered

[<Test; Category "L5">]
let ``an image's prediction does not depend on the rest of its batch`` () =
    use scope = torch.NewDisposeScope()
    use none = torch.no_grad ()
    use model = World.unetOf float64 0.1 4L
    (model :> Lib.IDenoiser).Training <- false
    let x = torch.randn ([| 3L; 1L; 8L; 8L |], dtype = float64)
    let time, classes = integers [| 0; 20; 49 |], integers [| 0; 1; 2 |]
    let keep = integers([| 1; 0; 1 |]).to_type torch.ScalarType.Bool
    let whole = model.Predict(x, time, Lib.Condition(classes, keep))

    for i in 0L .. 2L do
        let cut (tensor: Tensor) = tensor.narrow (0L, i, 1L)
        let alone = model.Predict(cut x, cut time, Lib.Condition(cut classes, cut keep))
        Expect.allNear 1e-12 (floats (cut whole)) (floats alone)
