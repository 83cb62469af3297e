using DiMum.Cli;

NativeSettings.Ensure(args);
DiMum.NativeHeap.Keep();
DiMum.LibtorchLog.ErrorsOnly();
return Commands.Invoke(args);
