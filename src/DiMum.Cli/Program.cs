using DiMum.Cli;

return Commands.Main(args);
