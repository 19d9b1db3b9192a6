// Nothing can be drawn yet: the player comes in the place of this page with the first snapshot.
const stream = new EventSource("stream" + location.search);
stream.addEventListener("run", () => location.reload());
stream.addEventListener("over", () => {
  stream.close();
  document.getElementById("waiting").textContent = "Watching has ended before there was a snapshot.";
});
