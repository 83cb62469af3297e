/// The native library loads in this project too, and its generator is PyTorch's.
module DiMum.Properties.TorchSmoke

open NUnit.Framework
open TorchSharp

[<Test>]
let ``torch loads, and seed 0 draws what PyTorch draws`` () =
    torch.manual_seed 0L |> ignore
    use x = torch.randn (3L)
    Assert.That(x.[0].item<float32>(), Is.EqualTo(1.5410f).Within(1e-4f))
