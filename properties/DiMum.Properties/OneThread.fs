namespace DiMum.Properties

open NUnit.Framework
open TorchSharp

/// One thread for all laws: they are many and small.
[<SetUpFixture>]
type OneThread() =
    [<OneTimeSetUp>]
    member _.Set() = torch.set_num_threads 1
