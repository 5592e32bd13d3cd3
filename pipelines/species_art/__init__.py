"""How the butterflies in assets/butterflies were drawn: nothing here is needed to render a clip."""
