module DiMum.Properties.Smoke

open NUnit.Framework
open TorchSharp

[<Test>]
let ``torch loads`` () =
    torch.manual_seed 0L |> ignore
    use x = torch.randn (3L)
    Assert.That(x.[0].item<float32>(), Is.EqualTo(1.5410f).Within(1e-4f))
